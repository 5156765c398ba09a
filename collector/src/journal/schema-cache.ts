/** Schemas in memory, one object per hash for the whole fleet. */
import { isMadeByCollector } from '@rollcall/shared/catalogue/metrics.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import {
  decodeSchema,
  hashSchema,
  withoutBytes,
  type HashedSchema,
  type SchemaOrigin,
} from '@rollcall/shared/protocol/schema.ts';
import { TextLists } from './text-lists.ts';

/** How the names of the samplers begin under which the collector stores its own series; no agent may use them. */
export const OWN_SAMPLER = 'own.';

/**
 * Interns schemas. It holds them weakly: a schema stays as long as a lane, a query or the recent window uses it, so the
 * cache needs no bound of its own.
 */
export class SchemaCache {
  readonly #byHash = new Map<string, WeakRef<HashedSchema>>();
  /** Those that passed the rules for agents, which are the stricter ones. */
  readonly #ofAgents = new WeakSet<HashedSchema>();
  /** Label values of series in the collector's own ones. */
  readonly #ownValues = new TextLists();
  /** Schemas that went since those values were forgotten. */
  #goneCount = 0;
  readonly #gone = new FinalizationRegistry<string>((hash) => {
    if (this.#byHash.get(hash)?.deref() === undefined) this.#byHash.delete(hash);
    // Values of schemas that went are held until all are forgotten; those that are left keep theirs.
    if (++this.#goneCount <= this.#byHash.size) return;
    this.#goneCount = 0;
    this.#ownValues.forget();
  });

  get(hash: string): HashedSchema | undefined {
    return this.#byHash.get(hash)?.deref();
  }

  /**
   * The schema with these canonical bytes. The hosts of a fleet declare the same ones: each is read once, by the rules of
   * its origin, and then known by its hash.
   * @param bytes copied where they are kept
   * @throws AppError RECORD_UNDECODABLE, LIMIT_EXCEEDED, as `decodeSchema`; RECORD_UNDECODABLE when an agent would make
   *   what the collector says of its host, or use a name of the collector's own samplers
   */
  decode(bytes: Buffer, origin: SchemaOrigin): HashedSchema {
    const known = this.get(hashSchema(bytes));
    if (known !== undefined && (origin === 'collector' || this.#ofAgents.has(known))) return known;
    const decoded = decodeSchema(Buffer.from(bytes), origin);
    if (origin === 'agent') refuseForeignVoice(decoded);
    const schema = this.intern(decoded);
    if (origin === 'agent') this.#ofAgents.add(schema);
    return schema;
  }

  /**
   * The one object for this content. Of the collector's own ones, which their samplers' names tell, it has no bytes: those of ten
   * thousand hosts would be seventy MiB, written once and hardly asked for again; and equal label values are one list. Those of
   * agents are few, and asked for by each host that comes.
   */
  intern(schema: HashedSchema): HashedSchema {
    const known = this.get(schema.hash);
    if (known !== undefined) return known;
    const kept = schema.sampler.startsWith(OWN_SAMPLER) ? this.#lean(schema) : schema;
    this.#byHash.set(kept.hash, new WeakRef(kept));
    this.#gone.register(kept, kept.hash);
    return kept;
  }

  #lean(schema: HashedSchema): HashedSchema {
    const metrics = schema.metrics.map((metric) => ({
      ...metric,
      series: metric.series.map((values) => this.#ownValues.of(values)),
    }));
    return withoutBytes({ ...schema, metrics });
  }
}

/**
 * Agents name metrics freely, for their machines have text files; but none may say of itself that it is up. Their samplers never
 * are the collector's own, which are kept in another way.
 */
function refuseForeignVoice({ sampler, metrics }: HashedSchema): void {
  if (sampler.startsWith(OWN_SAMPLER))
    throw new AppError('RECORD_UNDECODABLE', `sampler ${sampler} is for the collector to make`);
  const metric = metrics.find(({ name }) => isMadeByCollector(name));
  if (metric === undefined) return;
  throw new AppError('RECORD_UNDECODABLE', `metric ${metric.name} is for the collector to make`);
}
