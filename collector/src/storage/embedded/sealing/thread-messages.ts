/** What goes into the thread that works on tasks, and what comes out of it. */
import * as z from 'zod';
import type { BlockResolution } from '../../../journal/blocks.ts';
import type { TaskResult } from './tasks.ts';

const resolution = z.enum(['raw', '5m', '1h'] satisfies readonly BlockResolution[]);
const window = { fromMs: z.number(), toMs: z.number() };

export const taskSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('seal'), file: z.string(), windowMs: z.number(), endMs: z.number() }),
  z.object({
    kind: z.literal('merge'),
    window: z.object(window),
    inputs: z.array(z.number()),
    outputs: z.array(z.object({ resolution, file: z.string() })),
  }),
]);

export const threadPlaceSchema = z.object({ journalFile: z.string(), dir: z.string() });
export type ThreadPlace = Readonly<z.infer<typeof threadPlaceSchema>>;

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

const replacedSchema = z.object({
  ...window,
  lastPos: z.number(),
  rows: z.number(),
  samples: z.number(),
  foundFromPos: z.number(),
  foundToPos: z.number(),
});

const resultSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('idle') }),
  z.object({
    kind: z.literal('made'),
    blocks: z.array(blockSchema),
    seal: replacedSchema.optional(),
    damagedRecords: z.number().optional(),
  }),
]);

export const threadAnswerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), result: resultSchema }),
  z.object({ kind: z.literal('failed'), code: z.string(), text: z.string() }),
]);

/** What the thread says to a task. */
export type ThreadAnswer =
  | { readonly kind: 'done'; readonly result: TaskResult }
  | { readonly kind: 'failed'; readonly code: string; readonly text: string };
