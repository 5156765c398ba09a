/** Runs a template's tree. Go's `text/template` defines what happens; what would panic there is an error here. */
import { formatValue } from './go-format.ts';
import type { Block, Node, ParsedTemplate, Pipeline, Term } from './parse.ts';
import { isTruthy, NIL, stringValue, type Value } from './values.ts';

/** A function of templates: takes the arguments, the piped value last, and throws TemplateError when they do not fit. */
export type TemplateFunction = (args: readonly Value[]) => Value;

/** Why a template could not be run to its end. */
export class TemplateError extends Error {}

export interface Execution {
  readonly functions: ReadonlyMap<string, TemplateFunction>;
  /** What `.` is at the start, and `$`. */
  readonly dot: Value;
  readonly variables: ReadonlyMap<string, Value>;
}

/** Longest text that a template may give, in characters; loops must not fill the memory. */
const OUTPUT_MAX = 256 * 1024;
/** Nodes that one run may visit. */
const STEPS_MAX = 100_000;
const CALL_DEPTH_MAX = 50;

/** @throws TemplateError, and whatever a function throws */
export function execute(template: ParsedTemplate, execution: Execution): string {
  return new Run(template, execution).run();
}

type Signal = 'break' | 'continue' | undefined;

class Run {
  readonly #template: ParsedTemplate;
  readonly #functions: ReadonlyMap<string, TemplateFunction>;
  readonly #execution: Execution;
  /** Innermost last, so that a block can declare a name once more. */
  #variables: { readonly name: string; value: Value }[];
  #output = '';
  #steps = 0;
  #depth = 0;

  constructor(template: ParsedTemplate, execution: Execution) {
    this.#template = template;
    this.#functions = execution.functions;
    this.#execution = execution;
    this.#variables = [
      { name: '', value: execution.dot },
      ...Array.from(execution.variables, ([name, value]) => ({ name, value })),
    ];
  }

  run(): string {
    this.#walk(this.#template.body, this.#execution.dot);
    return this.#output;
  }

  #walk(nodes: readonly Node[], dot: Value): Signal {
    for (const node of nodes) {
      if (++this.#steps > STEPS_MAX) throw new TemplateError(`more than ${STEPS_MAX} steps`);
      const signal = this.#visit(node, dot);
      if (signal !== undefined) return signal;
    }
    return undefined;
  }

  #visit(node: Node, dot: Value): Signal {
    switch (node.kind) {
      case 'text':
        this.#write(node.text);
        return undefined;
      case 'print': {
        const value = this.#pipeline(node.pipeline, dot);
        // A declaration prints nothing.
        if (node.pipeline.variables.length === 0)
          this.#write(value.kind === 'nil' ? '<no value>' : formatValue(value));
        return undefined;
      }
      case 'if':
      case 'with':
        return this.#scoped(() => {
          const value = this.#pipeline(node.pipeline, dot);
          if (!isTruthy(value)) return this.#walk(node.otherwise, dot);
          return this.#walk(node.body, node.kind === 'with' ? value : dot);
        });
      case 'range':
        return this.#scoped(() => this.#range(node, dot));
      case 'template':
        this.#call(node.name, node.pipeline === undefined ? NIL : this.#pipeline(node.pipeline, dot));
        return undefined;
      case 'break':
      case 'continue':
        return node.kind;
    }
  }

  #range(node: Block, dot: Value): Signal {
    const { variables, commands } = node.pipeline;
    const items = itemsOf(this.#commands(commands, dot));
    if (items.length === 0) return this.#walk(node.otherwise, dot);
    for (const [key, item] of items) {
      const isEnded = this.#scoped(() => {
        const [first, second] = variables;
        if (first !== undefined)
          this.#variables.push({ name: first, value: second === undefined ? item : key });
        if (second !== undefined) this.#variables.push({ name: second, value: item });
        return this.#walk(node.body, item) === 'break';
      });
      if (isEnded) break;
    }
    return undefined;
  }

  #call(name: string, dot: Value): void {
    const body = this.#template.definitions.get(name);
    if (body === undefined) throw new TemplateError(`template "${name}" not defined`);
    if (++this.#depth > CALL_DEPTH_MAX) throw new TemplateError('exceeded maximum template depth');
    const outer = this.#variables;
    this.#variables = [{ name: '', value: dot }];
    this.#walk(body, dot);
    this.#variables = outer;
    this.#depth--;
  }

  #scoped<T>(run: () => T): T {
    const outer = this.#variables.length;
    try {
      return run();
    } finally {
      this.#variables.length = outer;
    }
  }

  #pipeline({ commands, variables, isAssignment }: Pipeline, dot: Value): Value {
    const value = this.#commands(commands, dot);
    for (const name of variables) {
      const known = isAssignment ? this.#variables.findLast((variable) => variable.name === name) : undefined;
      if (known === undefined) this.#variables.push({ name, value });
      else known.value = value;
    }
    return value;
  }

  #commands(commands: readonly Term[], dot: Value): Value {
    let value: Value | undefined;
    for (const command of commands) value = this.#term(command, dot, value);
    return value ?? NIL;
  }

  #term(term: Term, dot: Value, piped?: Value): Value {
    switch (term.kind) {
      case 'literal':
        return term.value;
      case 'dot':
        return dot;
      case 'variable':
        return this.#variables.findLast(({ name }) => name === term.name)?.value ?? NIL;
      case 'pipeline':
        return this.#pipeline(term.pipeline, dot);
      case 'field':
        return fieldOf(this.#term(term.of, dot), term.name);
      case 'call':
        return this.#function(term, dot, piped);
    }
  }

  #function(term: Term & { readonly kind: 'call' }, dot: Value, piped: Value | undefined): Value {
    // These two leave out the arguments behind the one that decides.
    if (term.name === 'and' || term.name === 'or') {
      let value: Value = NIL;
      for (const arg of term.args) {
        value = this.#term(arg, dot);
        if (isTruthy(value) === (term.name === 'or')) return value;
      }
      return piped ?? value;
    }
    const args = term.args.map((arg) => this.#term(arg, dot));
    if (piped !== undefined) args.push(piped);
    const call = this.#functions.get(term.name);
    if (call === undefined) throw new TemplateError(`function "${term.name}" not defined`);
    try {
      return call(args);
    } catch (error) {
      if (error instanceof TemplateError)
        throw new TemplateError(`error calling ${term.name}: ${error.message}`);
      throw error;
    }
  }

  #write(text: string): void {
    if (this.#output.length + text.length > OUTPUT_MAX) {
      throw new TemplateError(`the text is longer than ${OUTPUT_MAX} characters`);
    }
    this.#output += text;
  }
}

function fieldOf(value: Value, name: string): Value {
  if (value.kind === 'map') {
    const found = value.entries.get(name) ?? value.zero;
    if (found !== undefined) return found;
  }
  if (value.kind === 'nil') throw new TemplateError(`nil data; no entry for key "${name}"`);
  throw new TemplateError(`can't evaluate field ${name}`);
}

function itemsOf(value: Value): readonly (readonly [Value, Value])[] {
  switch (value.kind) {
    case 'list':
      return value.items.map((item, i) => [{ kind: 'int', number: i }, item]);
    case 'map':
      return [...value.entries]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => [stringValue(key), item]);
    case 'nil':
      return [];
    case 'string':
    case 'int':
    case 'float':
    case 'bool':
      throw new TemplateError(`range can't iterate over ${formatValue(value)}`);
  }
}
