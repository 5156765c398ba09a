/** An embedded store on a real journal in a folder of its own. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock, type Clock } from '@rollcall/shared/lib/clock.ts';
import { nextTurn } from '@rollcall/shared/lib/turn.ts';
import { nodeDisk, type Disk } from '@rollcall/shared/lib/disk.ts';
import { silentLogger, type Logger } from '@rollcall/shared/lib/log.ts';
import type { SealableJournal } from '../../../journal/journal.ts';
import { openJournal } from '../../../journal/open-journal.ts';
import { openJournalReader, type JournalReader } from '../../../journal/reader.ts';
import { JournalChanges } from '../../../journal/changes.ts';
import { SchemaCache } from '../../../journal/schema-cache.ts';
import { FaultyStore } from '../../../journal/testing/faulty-store.ts';
import { BlockSet } from '../blocks/block-set.ts';
import { createEmbeddedStorage, type EmbeddedStorage } from '../embedded.ts';
import type { EmbeddedLimits } from '../limits.ts';
import type { Identity } from '../reads/matching.ts';
import { BlockKeeper, type KeeperSettings } from '../sealing/keeper.ts';
import { Mortal } from './mortal.ts';
import { inlineWorkshop } from '../sealing/tasks.ts';

/** A clock whose timers fire in the next turn, so that a group is committed without waiting. */
export function eagerClock(wallMs: number): Clock {
  return {
    wallMs: () => wallMs,
    monoMs: () => systemClock.monoMs(),
    bootMs: () => systemClock.bootMs(),
    setTimer: (_delayMs, callback, options) => systemClock.setTimer(0, callback, options),
  };
}

export interface TestStorage {
  readonly storage: EmbeddedStorage;
  readonly journal: SealableJournal;
  readonly reader: JournalReader;
  readonly changes: JournalChanges;
  readonly store: FaultyStore;
  /** Folder of the block files. */
  readonly blocksDir: string;
  /** Seals everything that is there, in windows of the length; merges what is due at `nowMs`, if that is given. */
  readonly seal: (windowMs: number, nowMs?: number) => Promise<void>;
  /** The same in a process that may die on the way; then it throws what `isDeath` knows. */
  readonly sealMortally: (mortal: Mortal, windowMs: number, nowMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

export function openTestStorage(options: {
  readonly dir: string;
  readonly wallMs: number;
  readonly identityOf?: (agentId: string) => Identity | undefined;
  readonly limits?: Partial<EmbeddedLimits>;
  readonly windowHosts?: 'all' | 'own';
  readonly yieldToLoop?: () => Promise<void>;
  readonly disk?: Disk;
  readonly keeper?: Partial<KeeperSettings>;
  /** As in BlockSetOptions. */
  readonly cacheBytes?: number;
  readonly damaged?: (text: string, file: string) => void;
  /** Of the keeper. */
  readonly log?: Logger;
}): TestStorage {
  const path = join(options.dir, 'journal.db');
  const clock = eagerClock(options.wallMs);
  const schemas = new SchemaCache();
  const changes = new JournalChanges();
  const stores: FaultyStore[] = [];
  const journal = openJournal({
    path,
    clock,
    log: silentLogger,
    randomBytes,
    yieldToLoop: nextTurn,
    schemas,
    changes,
    wrapStore(inner) {
      const faulty = new FaultyStore(inner);
      stores.push(faulty);
      return faulty;
    },
  });
  const [store] = stores;
  if (store === undefined) throw new Error('the journal opened no store');
  const reader = openJournalReader({ path, schemas, changes });
  const dir = join(options.dir, 'blocks');
  const disk = options.disk ?? nodeDisk;
  const yieldToLoop = options.yieldToLoop ?? nextTurn;
  const sealMortally = async (mortal: Mortal, windowMs: number, nowMs: number): Promise<void> => {
    const disk = mortal.disk(options.disk ?? nodeDisk);
    const workshop = inlineWorkshop({ reader, disk, dir, yieldToLoop: () => Promise.resolve() });
    const { log = silentLogger } = options;
    const ports = { journal: mortal.journal(journal), reader, workshop, disk, dir, log, randomBytes };
    const settings = { windowMs, graceMs: Number.MIN_SAFE_INTEGER, ...options.keeper };
    const keeper = new BlockKeeper({ ...ports, clock: eagerClock(nowMs), settings });
    await keeper.round();
    await keeper.stop();
  };
  const seal = (windowMs: number, nowMs = options.wallMs): Promise<void> =>
    sealMortally(new Mortal(Number.POSITIVE_INFINITY), windowMs, nowMs);
  const { cacheBytes = 0, damaged = unexpectedDamage } = options;
  const blocks = new BlockSet({ disk, dir, cacheBytes, damaged });
  const storage = createEmbeddedStorage({
    journal,
    reader,
    identityOf: options.identityOf ?? (() => undefined),
    clock,
    randomBytes,
    yieldToLoop,
    blocks,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.windowHosts === undefined ? {} : { windowHosts: options.windowHosts }),
  });
  const close = async (): Promise<void> => {
    await storage.close();
    blocks.close();
    await journal.close();
    reader.close();
  };
  return { storage, journal, reader, changes, store, blocksDir: dir, seal, sealMortally, close };
}

function unexpectedDamage(text: string): void {
  throw new Error(text);
}
