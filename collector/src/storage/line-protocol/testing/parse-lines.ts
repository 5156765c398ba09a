/** Reads line protocol as InfluxDB 1.x does, and says what it would refuse. For tests and fake servers. */
export interface ParsedPoint {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, number>>;
  readonly timeMs: number;
}

/** @throws Error with InfluxDB's words when it is not one valid line of floats with a time */
export function parseLine(line: string): ParsedPoint {
  if (/[\n\r\0]/.test(line)) throw new Error(`unable to parse '${line}': more than one line`);
  const parts = splitUnescaped(line, ' ');
  const [key = '', fieldText = '', timeText] = parts;
  if (parts.length !== 3 || timeText === undefined)
    throw new Error(`unable to parse '${line}': invalid number of parts`);
  const [measurement = '', ...tagTexts] = splitUnescaped(key, ',');
  if (measurement === '') throw new Error(`unable to parse '${line}': missing measurement`);
  if (measurement.startsWith('#')) throw new Error(`unable to parse '${line}': a comment`);
  // Not an object: a tag may be called `__proto__`.
  const tags = new Map<string, string>();
  for (const text of tagTexts) {
    const [name, value] = pairOf(text, line, 'tag');
    if (value.endsWith('\\')) throw new Error(`unable to parse '${line}': invalid tag format`);
    if (tags.has(name)) throw new Error(`unable to parse '${line}': duplicate tags`);
    tags.set(name, value);
  }
  const fields = new Map<string, number>();
  for (const text of splitUnescaped(fieldText, ',')) {
    const [name, value] = pairOf(text, line, 'field');
    if (!/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/.test(value))
      throw new Error(`unable to parse '${line}': invalid number`);
    if (name === 'time') throw new Error(`unable to parse '${line}': invalid field name`);
    fields.set(name, Number(value));
  }
  if (!/^\d{1,13}$/.test(timeText)) throw new Error(`unable to parse '${line}': bad timestamp`);
  return {
    measurement: measurement.replaceAll(/\\([, ])/g, '$1'),
    tags: Object.fromEntries(tags),
    fields: Object.fromEntries(fields),
    timeMs: Number(timeText),
  };
}

function pairOf(text: string, line: string, what: 'tag' | 'field'): readonly [string, string] {
  const [name = '', value = '', ...more] = splitUnescaped(text, '=');
  if (name === '' || more.length > 0) throw new Error(`unable to parse '${line}': invalid ${what} format`);
  if (value === '') throw new Error(`unable to parse '${line}': missing ${what} value`);
  return [unescaped(name), unescaped(value)];
}

/** Splits where the separator has no backslash in front of it. */
function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== separator || text[at - 1] === '\\') continue;
    parts.push(text.slice(from, at));
    from = at + 1;
  }
  parts.push(text.slice(from));
  return parts;
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([,= ])/g, '$1');
}
