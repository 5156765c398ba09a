/**
 * `remote-config.json` in the data folder: the document of the collector that is in force, and the one that is tried. A file
 * that cannot be read counts as none: the local settings hold, and the collector offers its own again.
 */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { readConfigAnswer } from '@rollcall/shared/protocol/agent-config.ts';
import { JsonReader, parseJsonObject } from '@rollcall/shared/protocol/json.ts';
import type { ConfigStore, StoredConfig } from './remote-config.ts';

const REMOTE_FILE = 'remote-config.json';
const FORMAT = 1;
/** Longer than the text of any document. */
const TEXT_MAX = 16 * 1024;
const TRIES_MAX = 1_000;
const NONE: StoredConfig = { current: null, trial: null, refused: null };

/** Small files that are replaced as a whole or not at all. */
export interface SmallFiles {
  /** @throws AppError DATA_DIR_UNUSABLE */
  read(name: string): string | undefined;
  /** @throws AppError DATA_DIR_UNUSABLE */
  write(name: string, content: string): void;
}

export function configStore(files: SmallFiles): ConfigStore {
  return {
    read: () => parse(files.read(REMOTE_FILE)),
    write: (stored) => files.write(REMOTE_FILE, format(stored)),
  };
}

function format({ current, trial, refused }: StoredConfig): string {
  const content = {
    format: FORMAT,
    current: current?.toString('base64url') ?? null,
    trial: trial?.signed.toString('base64url') ?? null,
    tries: trial?.tries ?? 0,
    refused: refused?.signed.toString('base64url') ?? null,
    refusal: refused?.refusal ?? null,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function parse(text: string | undefined): StoredConfig {
  if (text === undefined) return NONE;
  try {
    const reader = new JsonReader(parseJsonObject(Buffer.from(text)), REMOTE_FILE);
    reader.integer('format', FORMAT, FORMAT);
    const current = reader.textOrNull('current', TEXT_MAX);
    const trial = reader.textOrNull('trial', TEXT_MAX);
    const tries = reader.integer('tries', 0, TRIES_MAX);
    // Older agents wrote none.
    const refused = reader.textOrNull('refused', TEXT_MAX);
    const refusal = reader.isNull('refusal') ? undefined : readConfigAnswer(reader.object('refusal'));
    return {
      current: current === null ? null : Buffer.from(current, 'base64url'),
      trial: trial === null ? null : { signed: Buffer.from(trial, 'base64url'), tries },
      refused:
        refused !== null && refusal?.outcome === 'rejected'
          ? { signed: Buffer.from(refused, 'base64url'), refusal }
          : null,
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return NONE;
  }
}
