/** What goes into the thread of a task, and what comes out of it. */
import * as z from 'zod';
import type { BlockResolution } from '../../../journal/blocks.ts';
import type { TaskResult } from './tasks.ts';

const resolution = z.enum(['raw', '5m', '1h'] satisfies readonly BlockResolution[]);
const window = { fromMs: z.number(), toMs: z.number() };

const taskSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('seal'), file: z.string(), windowMs: z.number(), endMs: z.number() }),
  z.object({
    kind: z.literal('merge'),
    window: z.object(window),
    inputs: z.array(z.number()),
    outputs: z.array(z.object({ resolution, file: z.string() })),
    without: z.array(z.string()),
  }),
]);

export const threadJobSchema = z.object({ task: taskSchema, journalFile: z.string(), dir: z.string() });
export type ThreadJob = z.infer<typeof threadJobSchema>;

const blockSchema = z.object({
  file: z.string(),
  resolution,
  ...window,
  firstMs: z.number(),
  lastMs: z.number(),
  lastPos: z.number(),
  bytes: z.number(),
  samples: z.number(),
  checksum: z.number(),
  schemas: z.array(z.object({ hash: z.string(), bytes: z.instanceof(Uint8Array) })),
});

const resultSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('idle') }),
  z.object({
    kind: z.literal('made'),
    blocks: z.array(blockSchema),
    seal: z.object({ ...window, lastPos: z.number(), rows: z.number(), samples: z.number() }).optional(),
  }),
]);

export const threadAnswerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), result: resultSchema }),
  z.object({ kind: z.literal('failed'), code: z.string(), text: z.string() }),
]);

/** What the thread says, once. */
export type ThreadAnswer =
  | { readonly kind: 'done'; readonly result: TaskResult }
  | { readonly kind: 'failed'; readonly code: string; readonly text: string };
