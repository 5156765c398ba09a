/** Dashboards and rules ask the same texts again and again: what is known of a text before it is evaluated is kept. */
import type { Expr } from './ast.ts';
import { typeOf } from './check.ts';
import { isPerHost } from '../evaluate/host-parts.ts';
import { findInvariants } from '../evaluate/invariants.ts';
import { parseQuery } from './parse.ts';

/** A query that can be evaluated as often as one likes. */
export interface ParsedQuery {
  readonly expr: Expr;
  /** Parts that give the same result at every step. */
  readonly invariants: ReadonlySet<Expr>;
  /** An instant vector that may be evaluated part by part of the fleet. */
  readonly isPerHost: boolean;
}

const QUERIES_MAX = 1_000;
/** A longer text is parsed each time, so that trees of texts that somebody makes up do not fill the memory. */
const TEXT_LENGTH_MAX = 2_000;

/** Those that were asked last; of an engine. */
export class ParsedQueries {
  /** In the order of their last use, oldest first. */
  readonly #kept = new Map<string, ParsedQuery>();

  get size(): number {
    return this.#kept.size;
  }

  /** @throws AppError BAD_QUERY, as `parseQuery` */
  of(text: string): ParsedQuery {
    const known = this.#kept.get(text);
    if (known !== undefined) {
      this.#kept.delete(text);
      this.#kept.set(text, known);
      return known;
    }
    const expr = parseQuery(text);
    const parsed = {
      expr,
      invariants: findInvariants(expr),
      isPerHost: typeOf(expr) === 'vector' && isPerHost(expr),
    };
    if (text.length > TEXT_LENGTH_MAX) return parsed;
    this.#kept.set(text, parsed);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > QUERIES_MAX && oldest !== undefined) this.#kept.delete(oldest);
    return parsed;
  }
}
