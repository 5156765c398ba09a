/**
 * The work on blocks that takes long: it reads the journal through a connection of its own and writes files that nobody
 * refers to yet, so it may run in another thread and may be killed at any time.
 */
import type { Disk } from '@rollcall/shared/lib/disk.ts';
import type { BlockResolution } from '../../../journal/blocks.ts';
import type { JournalReader } from '../../../journal/reader.ts';
import { mergeBlocks } from './merge.ts';
import { sealableWindows, sealWindow, type MadeBlock, type Sealed, type Window } from './seal.ts';

/** Seals the oldest window that has something to be sealed. */
export interface SealTask {
  readonly kind: 'seal';
  /** Name of the file to be made. */
  readonly file: string;
  readonly windowMs: number;
  /** Windows that end later are not closed yet. */
  readonly endMs: number;
}

/** Merges blocks; see plan.ts. */
export interface MergeTask {
  readonly kind: 'merge';
  readonly window: Window;
  /** Ids in the catalogue. */
  readonly inputs: readonly number[];
  readonly outputs: readonly { readonly resolution: BlockResolution; readonly file: string }[];
}

export type Task = SealTask | MergeTask;

export type TaskResult =
  /** There was nothing to do. */
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'made';
      readonly blocks: readonly MadeBlock[];
      readonly seal?: Sealed['seal'] | undefined;
      /** As in `Sealed`. */
      readonly damagedRecords?: number | undefined;
    };

/** Where tasks are worked on. One at a time. */
export interface Workshop {
  /** @throws AppError DISK_FAILED, STORAGE_UNAVAILABLE; files that were begun may lie around */
  run(task: Task, signal: AbortSignal): Promise<TaskResult>;
  /** There is nothing more to do for now: what was kept from task to task may go. Never during a task. */
  rest(): void;
}

export interface TaskPorts {
  readonly reader: JournalReader;
  readonly disk: Disk;
  /** Folder of the block files; it exists. */
  readonly dir: string;
  /** Called every now and then, for work that shares its thread. */
  readonly yieldToLoop: () => Promise<void>;
}

/** Works on a task where it is called. @throws AppError as `Workshop.run` */
export async function performTask(task: Task, ports: TaskPorts): Promise<TaskResult> {
  const snapshot = ports.reader.snapshot();
  try {
    if (task.kind === 'merge') {
      const inputs = snapshot.blocks().filter(({ id }) => task.inputs.includes(id));
      const without = new Set(snapshot.deletedAgents().map(({ agentId }) => agentId));
      const options = { ...task, ...ports, inputs, without };
      return { kind: 'made', blocks: await mergeBlocks(snapshot, options) };
    }
    const [window] = sealableWindows(snapshot, { ...task, countMax: 1 });
    if (window === undefined) return { kind: 'idle' };
    const place = { disk: ports.disk, dir: ports.dir, file: task.file };
    const sealed = await sealWindow(snapshot, window, { place, yieldToLoop: ports.yieldToLoop });
    return { kind: 'made', ...sealed };
  } finally {
    snapshot.close();
  }
}

/** A workshop in the caller's own thread. */
export function inlineWorkshop(ports: TaskPorts): Workshop {
  return { run: (task) => performTask(task, ports), rest: () => {} };
}
