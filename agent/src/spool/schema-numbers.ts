/** The numbers of the schemas in the current epoch, and which schemas the next segment must begin with. */
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import type { HashedSchema } from '@rollcall/shared/protocol/schema.ts';

/**
 * Schemas that may have gone out of use in an epoch before the next one begins: together with one per sampler they
 * stay below the collector's limit of schemas in an epoch.
 */
const OUTDATED_MAX = LIMITS.schemasPerEpoch / 2;

/** How many schemas have had a number, as the header of a segment says it. */
export interface SchemaUse {
  readonly schemaCount: number;
  readonly schemaNumberMax: number;
}

export interface NumberedSchema {
  readonly number: number;
  readonly schema: HashedSchema;
}

/** The schemas of a sampler, usually one, and how many records had been appended when they were declared. */
interface InForce {
  asOf: number;
  readonly schemas: Map<number, NumberedSchema>;
  /** Undefined when there are several. */
  readonly only: NumberedSchema | undefined;
}

export class SchemaNumbers {
  /** By hash. */
  #numbers = new Map<string, number>();
  /** Schemas of the epoch from before a restart whose content is not known any more. */
  #forgotten: SchemaUse = { schemaCount: 0, schemaNumberMax: 0 };
  /** What each sampler used last, by its name. */
  readonly #inForce = new Map<string, InForce>();
  /** Records appended in all. */
  #appends = 0;

  /** Goes on with the numbers of an epoch from before a restart, as far as they are known. */
  restore({
    numbers,
    schemaCount,
    schemaNumberMax,
  }: SchemaUse & { readonly numbers: ReadonlyMap<string, number> }): void {
    this.#numbers = new Map(numbers);
    this.#forgotten = { schemaCount: Math.max(0, schemaCount - numbers.size), schemaNumberMax };
  }

  /** Begins an epoch, in which only the schemas in force have numbers: those that they had. */
  beginEpoch(): void {
    this.#forgotten = { schemaCount: 0, schemaNumberMax: 0 };
    this.#numbers = new Map();
    for (const { number, schema } of this.inForce()) this.#numbers.set(schema.hash, number);
  }

  /** The number of a schema, which is in force from now on. */
  declare(schema: HashedSchema): NumberedSchema {
    const before = this.#inForce.get(schema.sampler);
    // As nearly always: the same schema as for the record before, and the only one of its sampler.
    if (before?.only?.schema === schema && before.asOf !== this.#appends) {
      before.asOf = this.#appends;
      return before.only;
    }
    const number = this.#numbers.get(schema.hash) ?? this.#free();
    this.#numbers.set(schema.hash, number);
    const numbered = { number, schema };
    // Schemas declared for the same record are in force together; those of a later record replace them.
    const isSameRecord = before?.asOf === this.#appends;
    const schemas = isSameRecord ? before.schemas : new Map<number, NumberedSchema>();
    schemas.set(number, numbered);
    const only = schemas.size === 1 ? numbered : undefined;
    this.#inForce.set(schema.sampler, { asOf: this.#appends, schemas, only });
    return numbered;
  }

  /** The schemas declared so far belong to the record that was appended. */
  appended(): void {
    this.#appends++;
  }

  inForce(): NumberedSchema[] {
    return [...this.#inForce.values()].flatMap(({ schemas }) => [...schemas.values()]);
  }

  use(): SchemaUse {
    const { schemaCount, schemaNumberMax } = this.#forgotten;
    return {
      schemaCount: schemaCount + this.#numbers.size,
      schemaNumberMax: Math.max(schemaNumberMax, ...this.#numbers.values()),
    };
  }

  /** So many schemas went out of use that the next epoch should begin. */
  get isWornOut(): boolean {
    const known = this.#numbers.size + this.#forgotten.schemaCount;
    if (known < OUTDATED_MAX) return false;
    return known - this.inForce().length >= OUTDATED_MAX;
  }

  #free(): number {
    const used = new Set(this.#numbers.values());
    let number = this.#forgotten.schemaNumberMax + 1;
    while (used.has(number)) number++;
    return number;
  }
}
