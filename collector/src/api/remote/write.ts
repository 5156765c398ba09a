/** Remote write: what becomes of the series of a request. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { Pacer } from '../../query/evaluate/evaluation.ts';
import type { Labels } from '../../storage/labels.ts';
import type { AppendResult, AppendSample, AppendSeries } from '../../storage/storage.ts';
import { REFUSALS, type Refusal } from './counters.ts';
import type { RemoteLimits } from './limits.ts';
import { decodeWriteRequest, type WrittenSeries } from '../../storage/remote-protocol/messages.ts';
import type { PushedMetadata } from './metadata.ts';
import type { Senders } from './senders.ts';

export interface WritePorts {
  readonly clock: Clock;
  /** @throws AppError STORAGE_UNAVAILABLE: nothing of the batch was stored */
  append(this: void, batch: readonly AppendSeries[]): Promise<AppendResult>;
  /** The identities that agents have; asked once per request. Nobody else may write under them. */
  reserved(this: void): { has(labels: Labels): boolean };
  readonly metadata: PushedMetadata;
}

export interface WriteContext extends WritePorts {
  readonly limits: RemoteLimits;
  readonly senders: Senders;
}

export interface WriteOutcome {
  readonly stored: number;
  /** Samples that were not stored, by reason; only reasons that occurred. */
  readonly refused: ReadonlyMap<Refusal, number>;
}

/** Work of a series besides its samples, in samples. */
const WORK_PER_SERIES = 20;

/** These break the protocol, or are of a kind that is not stored; they are left out without an error, as Prometheus does. */
const SKIPPED: ReadonlySet<Refusal> = new Set<Refusal>(['bad_series', 'histogram', 'exemplar']);

/**
 * Stores the good samples of a WriteRequest. Either the whole request can be read, or nothing of it is stored.
 * @throws AppError BAD_REQUEST on malformed bytes; LIMIT_EXCEEDED; STORAGE_UNAVAILABLE: the request may be sent again, also if a part
 *   of it was stored
 */
export async function storeRequest(
  context: WriteContext,
  request: { readonly sender: string; readonly bytes: Buffer },
  pacer: Pacer,
): Promise<WriteOutcome> {
  const written: WrittenSeries[] = [];
  let samples = 0;
  for (const part of decodeWriteRequest(request.bytes)) {
    if (part.kind === 'metadata') context.metadata.note(part);
    if (part.kind === 'series') {
      samples += part.samples.length;
      if (part.samples.length + part.histogramCount + part.exemplarCount > 0) written.push(part);
    }
    if (samples > context.limits.samplesPerWrite) {
      throw new AppError(
        'LIMIT_EXCEEDED',
        `more than ${context.limits.samplesPerWrite} samples in one request: send them in several`,
      );
    }
    if (pacer.spend(part.kind === 'series' ? WORK_PER_SERIES + part.samples.length : WORK_PER_SERIES)) {
      await pacer.pause();
    }
  }
  const refused = new Map<Refusal, number>();
  const refuse = (reason: Refusal, count: number): void => {
    if (count > 0) refused.set(reason, (refused.get(reason) ?? 0) + count);
  };
  const reserved = context.reserved();
  const accept = ({ labelBytes, samples }: WrittenSeries): AppendSeries | undefined => {
    const labels = context.senders.labelsOf(request.sender, labelBytes);
    if (typeof labels === 'string' || reserved.has(labels)) {
      refuse(typeof labels === 'string' ? labels : 'reserved', samples.length);
      return undefined;
    }
    const timely = samples.filter((sample) => isTimely(sample, context));
    refuse('bad_time', samples.length - timely.length);
    return { labels, samples: timely };
  };

  let stored = 0;
  const batch = new Batch(context.limits.samplesPerBatch, async (full) => {
    const { accepted, rejected } = await context.append(full);
    stored += accepted;
    for (const { reason } of rejected) refuse(reason, 1);
  });
  for (const series of written) {
    refuse('histogram', series.histogramCount);
    refuse('exemplar', series.exemplarCount);
    const accepted = accept(series);
    if (accepted !== undefined) await batch.add(accepted);
    if (pacer.spend(WORK_PER_SERIES)) await pacer.pause();
  }
  await batch.flush();
  return { stored, refused };
}

/** Gathers series, and hands them on in portions of so many samples. */
class Batch {
  readonly #samplesMax: number;
  readonly #store: (batch: readonly AppendSeries[]) => Promise<void>;
  #series: AppendSeries[] = [];
  #samples = 0;

  constructor(samplesMax: number, store: (batch: readonly AppendSeries[]) => Promise<void>) {
    this.#samplesMax = samplesMax;
    this.#store = store;
  }

  async add({ labels, samples }: AppendSeries): Promise<void> {
    for (let at = 0; at < samples.length;) {
      const portion = samples.slice(at, at + this.#samplesMax - this.#samples);
      this.#series.push({ labels, samples: portion });
      this.#samples += portion.length;
      at += portion.length;
      if (this.#samples >= this.#samplesMax) await this.flush();
    }
  }

  async flush(): Promise<void> {
    if (this.#samples === 0) return;
    const full = this.#series;
    this.#series = [];
    this.#samples = 0;
    await this.#store(full);
  }
}

function isTimely({ timeMs }: AppendSample, { clock, limits }: WriteContext): boolean {
  return timeMs >= 0 && timeMs <= clock.wallMs() + limits.futureMs;
}

/** What to tell the sender, undefined when nothing has to be corrected. */
export function complaint({ stored, refused }: WriteOutcome): string | undefined {
  const wrong = [...refused].filter(([reason]) => !SKIPPED.has(reason));
  if (wrong.length === 0) return undefined;
  const reasons = wrong.map(([reason, count]) => `${count} ${REFUSALS[reason]}`);
  return `stored ${stored} samples, refused ${reasons.join(', ')}`;
}
