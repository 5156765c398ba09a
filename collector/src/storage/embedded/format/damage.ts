/** What a reader of a block file throws when bytes are not what the writer wrote, and where. */
import { AppError } from '@rollcall/shared/lib/errors.ts';

/** Where in a block file bytes are damaged. Without a host nothing of the file can be read. */
export interface DamagePlace {
  /** Name of the file, as it was given to the reader. */
  readonly file: string;
  /** Agent id. */
  readonly hostId?: string;
  /** SHA-256 of the schema, hexadecimal; without it everything of the host is lost. */
  readonly schemaHash?: string;
  /** Index of the column in the schema's order; without it every column of the group is lost, with its times. */
  readonly column?: number;
}

/** AppError BLOCK_DAMAGED with its place. Only what the place names is lost; the rest of the file reads on. */
export class BlockDamage extends AppError {
  readonly place: DamagePlace;

  constructor(place: DamagePlace, reason: string, cause?: unknown) {
    super('BLOCK_DAMAGED', `read block ${describePlace(place)}: ${reason}`, { cause });
    this.name = 'BlockDamage';
    this.place = place;
  }
}

function describePlace({ file, hostId, schemaHash, column }: DamagePlace): string {
  const parts = [file];
  if (hostId !== undefined) parts.push(`host ${hostId}`);
  if (schemaHash !== undefined) parts.push(`schema ${schemaHash.slice(0, 16)}`);
  if (column !== undefined) parts.push(`column ${column}`);
  return parts.join(', ');
}

/** Runs `read`; an AppError that it throws, for bytes that make no sense, becomes damage at `place`. */
export function readOrDamage<T>(place: DamagePlace, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof BlockDamage || !(error instanceof AppError)) throw error;
    throw new BlockDamage(place, error.message, error);
  }
}
