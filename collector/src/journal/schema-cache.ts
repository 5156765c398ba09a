/** Schemas in memory, one object per hash for the whole fleet. */
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';

/**
 * Interns schemas. It holds them weakly: a schema stays as long as a lane, a query or the recent window uses it, so the
 * cache needs no bound of its own.
 */
export class SchemaCache {
  readonly #byHash = new Map<string, WeakRef<HashedSchema>>();
  readonly #gone = new FinalizationRegistry<string>((hash) => {
    if (this.#byHash.get(hash)?.deref() === undefined) this.#byHash.delete(hash);
  });

  get(hash: string): HashedSchema | undefined {
    return this.#byHash.get(hash)?.deref();
  }

  /** The one object for this content: the one that is already there, or `schema` itself. */
  intern(schema: HashedSchema): HashedSchema {
    const known = this.get(schema.hash);
    if (known !== undefined) return known;
    this.#byHash.set(schema.hash, new WeakRef(schema));
    this.#gone.register(schema, schema.hash);
    return schema;
  }
}
