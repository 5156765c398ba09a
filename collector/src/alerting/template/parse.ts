/** From the text of a template to its tree. Variables and functions are checked here, so that a typo shows at once. */
import { badTemplate, splitTemplate, type Piece, type Token } from './tokens.ts';
import { boolValue, floatValue, intValue, NIL, stringValue, type Value } from './values.ts';

/** One operand, or a call of a function. */
export type Term =
  | { readonly kind: 'literal'; readonly value: Value }
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Term[] }
  | { readonly kind: 'field'; readonly of: Term; readonly name: string }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };

/** `a | f x | g`: the result of each command is the last argument of the next. */
export interface Pipeline {
  readonly commands: readonly Term[];
  /** Names before `:=` or `=`; two only in `range`. */
  readonly variables: readonly string[];
  readonly isAssignment: boolean;
}

/** A node with a body and what stands behind `else`. */
export interface Block {
  readonly kind: 'if' | 'with' | 'range';
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipeline: Pipeline }
  | Block
  | { readonly kind: 'template'; readonly name: string; readonly pipeline: Pipeline | undefined }
  | { readonly kind: 'break' | 'continue' };

export interface ParsedTemplate {
  readonly body: readonly Node[];
  /** The bodies of `define` and `block`, by name. */
  readonly definitions: ReadonlyMap<string, readonly Node[]>;
}

/** What a template may refer to. */
export interface Scope {
  readonly functions: ReadonlySet<string>;
  /** Variables that are there from the start, without the dollar sign. */
  readonly variables: readonly string[];
}

/** How deep blocks and parentheses may nest. */
const DEPTH_MAX = 50;
/** Longest template in characters. */
const LENGTH_MAX = 64 * 1024;

/** @throws AppError BAD_CONFIG saying what is wrong with it */
export function parseTemplate(source: string, scope: Scope): ParsedTemplate {
  if (source.length > LENGTH_MAX) {
    throw badTemplate(source, `${source.length} characters long, ${LENGTH_MAX} are allowed`);
  }
  return new TemplateParser(source, scope).parse();
}

class TemplateParser {
  readonly #source: string;
  readonly #scope: Scope;
  readonly #pieces: readonly Piece[];
  readonly #definitions = new Map<string, readonly Node[]>();
  #variables: string[];
  #next = 0;
  #depth = 0;
  #loops = 0;

  constructor(source: string, scope: Scope) {
    this.#source = source;
    this.#scope = scope;
    this.#pieces = splitTemplate(source);
    this.#variables = ['', ...scope.variables];
  }

  parse(): ParsedTemplate {
    const { nodes, end } = this.#list();
    if (end !== undefined) throw this.#bad(`unexpected {{ ${end.word} }}`);
    return { body: nodes, definitions: this.#definitions };
  }

  /** Nodes up to the end of the template or to an action that ends a block. */
  #list(): { readonly nodes: readonly Node[]; readonly end: Ending | undefined } {
    const nodes: Node[] = [];
    for (let piece = this.#pieces[this.#next]; piece !== undefined; piece = this.#pieces[this.#next]) {
      this.#next++;
      if (piece.kind === 'text') {
        nodes.push(piece);
        continue;
      }
      const [first] = piece.tokens;
      const word = first?.kind === 'word' ? first.text : undefined;
      if (word === 'end' || word === 'else') return { nodes, end: { word, tokens: piece.tokens.slice(1) } };
      const node = this.#action(piece.tokens, word);
      if (node !== undefined) nodes.push(node);
    }
    return { nodes, end: undefined };
  }

  #action(tokens: readonly Token[], word: string | undefined): Node | undefined {
    const rest = tokens.slice(1);
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        return this.#block(word, rest);
      case 'break':
      case 'continue':
        if (this.#loops === 0) throw this.#bad(`{{ ${word} }} outside of a range`);
        return { kind: word };
      case 'define':
        this.#define(rest);
        return undefined;
      case 'block': {
        const { name, pipeline } = this.#named(rest, word);
        this.#definitions.set(name, this.#body('block'));
        return { kind: 'template', name, pipeline };
      }
      case 'template': {
        const { name, pipeline } = this.#named(rest, word);
        return { kind: 'template', name, pipeline };
      }
      case undefined:
      default:
        return { kind: 'print', pipeline: this.#pipeline(tokens, 1) };
    }
  }

  #block(kind: 'if' | 'with' | 'range', tokens: readonly Token[]): Node {
    this.#enter();
    const outer = this.#variables.length;
    const pipeline = this.#pipeline(tokens, kind === 'range' ? 2 : 1);
    if (kind === 'range') this.#loops++;
    const { nodes: body, end } = this.#list();
    if (kind === 'range') this.#loops--;
    if (end === undefined) throw this.#bad(`{{ ${kind} }} without {{ end }}`);
    let otherwise: readonly Node[] = [];
    if (end.word === 'else') {
      const [next] = end.tokens;
      if (next?.kind === 'word' && next.text === kind && kind !== 'range') {
        otherwise = [this.#block(kind, end.tokens.slice(1))];
      } else if (next !== undefined) {
        throw this.#bad('unexpected text behind else');
      } else {
        otherwise = this.#body(kind);
      }
    }
    this.#variables.length = outer;
    this.#depth--;
    return { kind, pipeline, body, otherwise };
  }

  #body(kind: string): readonly Node[] {
    this.#enter();
    const outer = this.#variables.length;
    const { nodes, end } = this.#list();
    if (end?.word !== 'end') throw this.#bad(`{{ ${kind} }} without {{ end }}`);
    this.#variables.length = outer;
    this.#depth--;
    return nodes;
  }

  #define(tokens: readonly Token[]): void {
    const [name] = tokens;
    if (name?.kind !== 'string' || tokens.length !== 1) throw this.#bad('define takes a name between quotes');
    // A definition sees nothing of what stands around it.
    const outer = this.#variables;
    this.#variables = [''];
    this.#definitions.set(name.text, this.#body('define'));
    this.#variables = outer;
  }

  #named(tokens: readonly Token[], word: string): { name: string; pipeline: Pipeline | undefined } {
    const [name, ...rest] = tokens;
    if (name?.kind !== 'string') throw this.#bad(`${word} takes a name between quotes`);
    return { name: name.text, pipeline: rest.length === 0 ? undefined : this.#pipeline(rest, 1) };
  }

  #pipeline(tokens: readonly Token[], variablesMax: number): Pipeline {
    const declared = readDeclaration(tokens);
    if (declared.names.length > variablesMax) throw this.#bad('too many variables before :=');
    const cursor: Cursor = { tokens, at: declared.length };
    const commands = this.#commands(cursor);
    if (cursor.at < tokens.length) throw this.#bad('unexpected ) or , in an action');
    for (const name of declared.names) {
      if (!declared.isAssignment) this.#variables.push(name);
      else if (!this.#variables.includes(name)) throw this.#bad(`undefined variable "$${name}"`);
    }
    return { commands, variables: declared.names, isAssignment: declared.isAssignment };
  }

  #commands(cursor: Cursor): readonly Term[] {
    const commands: Term[] = [];
    for (;;) {
      commands.push(this.#command(cursor, commands.length > 0));
      const next = cursor.tokens[cursor.at];
      if (next?.kind !== 'mark' || next.text !== '|') return commands;
      cursor.at++;
    }
  }

  #command(cursor: Cursor, isPiped: boolean): Term {
    const first = cursor.tokens[cursor.at];
    if (first?.kind === 'word' && !isConstant(first.text)) {
      cursor.at++;
      if (!this.#scope.functions.has(first.text)) throw this.#bad(`function "${first.text}" not defined`);
      const args: Term[] = [];
      while (startsOperand(cursor.tokens[cursor.at])) args.push(this.#operand(cursor));
      return { kind: 'call', name: first.text, args };
    }
    if (isPiped) throw this.#bad('only a function can stand behind |');
    const operand = this.#operand(cursor);
    if (startsOperand(cursor.tokens[cursor.at])) throw this.#bad('only a function takes arguments');
    return operand;
  }

  #operand(cursor: Cursor): Term {
    let term = this.#simpleOperand(cursor);
    for (
      let next = cursor.tokens[cursor.at];
      next?.kind === 'field' && next.isChained;
      next = cursor.tokens[cursor.at]
    ) {
      term = { kind: 'field', of: term, name: next.name };
      cursor.at++;
    }
    return term;
  }

  #simpleOperand(cursor: Cursor): Term {
    const token = cursor.tokens[cursor.at++];
    switch (token?.kind) {
      case 'variable':
        if (!this.#variables.includes(token.name)) throw this.#bad(`undefined variable "$${token.name}"`);
        return { kind: 'variable', name: token.name };
      case 'field':
        return { kind: 'field', of: { kind: 'dot' }, name: token.name };
      case 'dot':
        return { kind: 'dot' };
      case 'string':
        return { kind: 'literal', value: stringValue(token.text) };
      case 'number':
        return { kind: 'literal', value: this.#number(token.text) };
      case 'word': {
        if (isConstant(token.text)) {
          return { kind: 'literal', value: token.text === 'nil' ? NIL : boolValue(token.text === 'true') };
        }
        if (!this.#scope.functions.has(token.text)) throw this.#bad(`function "${token.text}" not defined`);
        return { kind: 'call', name: token.text, args: [] };
      }
      case 'mark': {
        if (token.text !== '(') throw this.#bad(`unexpected ${token.text} in an action`);
        this.#enter();
        const commands = this.#commands(cursor);
        const close = cursor.tokens[cursor.at++];
        if (close?.kind !== 'mark' || close.text !== ')') throw this.#bad('a parenthesis is not closed');
        this.#depth--;
        return { kind: 'pipeline', pipeline: { commands, variables: [], isAssignment: false } };
      }
      case undefined:
        throw this.#bad('a value is missing in an action');
    }
  }

  #number(text: string): Value {
    const plain = text.replaceAll('_', '');
    const isInteger = /^[+-]?(?:0[xX][0-9a-fA-F]+|\d+)$/.test(plain);
    const sign = plain.startsWith('-') ? -1 : 1;
    const value = sign * Number(plain.replace(/^[+-]/, ''));
    if (!Number.isFinite(value)) throw this.#bad(`bad number ${text}`);
    return isInteger ? intValue(value) : floatValue(value);
  }

  #enter(): void {
    if (++this.#depth > DEPTH_MAX) throw this.#bad(`nested deeper than ${DEPTH_MAX}`);
  }

  #bad(reason: string): Error {
    return badTemplate(this.#source, reason);
  }
}

interface Ending {
  readonly word: 'end' | 'else';
  readonly tokens: readonly Token[];
}

interface Cursor {
  readonly tokens: readonly Token[];
  at: number;
}

/** `$a :=`, `$a =` or `$i, $e :=` in front of a pipeline. */
function readDeclaration(tokens: readonly Token[]): {
  names: string[];
  isAssignment: boolean;
  length: number;
} {
  const names: string[] = [];
  for (let at = 0; ; at += 2) {
    const variable = tokens[at];
    const mark = tokens[at + 1];
    if (variable?.kind !== 'variable' || mark?.kind !== 'mark') break;
    names.push(variable.name);
    if (mark.text === ':=' || mark.text === '=')
      return { names, isAssignment: mark.text === '=', length: at + 2 };
    if (mark.text !== ',') break;
  }
  return { names: [], isAssignment: false, length: 0 };
}

function startsOperand(token: Token | undefined): boolean {
  return token !== undefined && (token.kind !== 'mark' || token.text === '(');
}

function isConstant(word: string): boolean {
  return word === 'true' || word === 'false' || word === 'nil';
}
