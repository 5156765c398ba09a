/** Values of templates. Go tells integers and floats apart, and comparisons refuse to mix them; so do we. */
export type Value =
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'int'; readonly number: number }
  | { readonly kind: 'float'; readonly number: number }
  | { readonly kind: 'bool'; readonly isTrue: boolean }
  /** `zero` stands for what is not in it; a structure has none, and asking it for anything else is an error. */
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, Value>; readonly zero: Value | undefined }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | { readonly kind: 'nil' };

export const NIL: Value = { kind: 'nil' };
export const EMPTY: Value = { kind: 'string', text: '' };

export function stringValue(text: string): Value {
  return { kind: 'string', text };
}

export function floatValue(number: number): Value {
  return { kind: 'float', number };
}

export function intValue(number: number): Value {
  return { kind: 'int', number };
}

export function boolValue(isTrue: boolean): Value {
  return { kind: 'bool', isTrue };
}

/** A map from text to text, such as labels; what it does not have is the empty text. */
export function textMap(entries: Iterable<readonly [string, string]>): Value {
  const values = Array.from(entries, ([name, text]) => [name, stringValue(text)] as const);
  return { kind: 'map', entries: new Map(values), zero: EMPTY };
}

/** A sample of a query: `.Labels` and `.Value`. */
export function sampleValue(labels: Iterable<readonly [string, string]>, value: number): Value {
  const fields = new Map([
    ['Labels', textMap(labels)],
    ['Value', floatValue(value)],
  ]);
  return { kind: 'map', entries: fields, zero: undefined };
}

/** Whether `if` takes the value for true: Go's rule, everything but the zero value and what is empty. */
export function isTruthy(value: Value): boolean {
  switch (value.kind) {
    case 'string':
      return value.text !== '';
    case 'int':
    case 'float':
      return value.number !== 0;
    case 'bool':
      return value.isTrue;
    case 'map':
      return value.entries.size > 0;
    case 'list':
      return value.items.length > 0;
    case 'nil':
      return false;
  }
}

const GO_TYPES: Readonly<Record<Value['kind'], string>> = {
  string: 'string',
  int: 'int',
  float: 'float64',
  bool: 'bool',
  map: 'map[string]string',
  list: '[]interface {}',
  nil: 'nil',
};

/** The name that Go has for the type, as in `%!d(float64=12.5)`. */
export function goTypeOf(value: Value): string {
  return GO_TYPES[value.kind];
}
