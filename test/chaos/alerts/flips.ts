/**
 * Series that cross a threshold to and fro. A series changes again only after the collector has shown what the change
 * before it brought about, so that the book of changes says exactly which transitions there must be.
 */
import * as z from 'zod';
import { Labels } from '../../../collector/src/storage/labels.ts';
import {
  WRITE_HEADERS,
  writeRequest,
} from '../../../collector/src/storage/remote-protocol/testing/write-request.ts';
import type { Random } from '../../simulation/random.ts';

export const RULE = 'ChaosLevel';
export const RULES = `groups:
  - name: chaos
    rules:
      - {alert: ${RULE}, expr: chaos_level > 0.5, labels: {severity: critical}}
`;

/** An alert that fires more than six times within an hour is held back as flapping. */
const FIRES_PER_SERIES_MAX = 5;
/** A run with few changes spreads them over many series, because each waits for the one before it. */
const SERIES_WANTED = 100;
const REQUEST_MS_MAX = 5_000;

const incidentsAnswer = z.object({
  incidents: z.array(z.object({ rule: z.string(), labels: z.record(z.string(), z.string()) })),
});

interface FlippingSeries {
  readonly name: string;
  isHigh: boolean;
  /** Whether the collector shows the last change. */
  isSeen: boolean;
  flips: number;
}

export class Flips {
  readonly #all: readonly FlippingSeries[];
  readonly #random: Random;
  /** Of each series. */
  readonly #flipsMax: number;
  #lastPushMs = 0;

  /** @param transitions how many there will be, rounded up to the same even number for each series */
  constructor(transitions: number, random: Random) {
    const fires = Math.floor(transitions / 2 / SERIES_WANTED);
    this.#flipsMax = 2 * Math.min(Math.max(fires, 1), FIRES_PER_SERIES_MAX);
    const count = Math.ceil(transitions / this.#flipsMax);
    this.#random = random;
    this.#all = Array.from({ length: count }, (_unused, index) => ({
      name: `series-${index}`,
      isHigh: false,
      isSeen: true,
      flips: 0,
    }));
  }

  /** Changes made so far. */
  get made(): number {
    return this.#all.reduce((sum, { flips }) => sum + flips, 0);
  }

  /** Every series went up and down as often as it may, and all of it was seen. */
  get isOver(): boolean {
    return this.#all.every(({ flips, isSeen }) => flips === this.#flipsMax && isSeen);
  }

  /** How often each series changed, by name. */
  get bySeries(): ReadonlyMap<string, number> {
    return new Map(this.#all.map(({ name, flips }) => [name, flips]));
  }

  /** Changes up to so many series whose last change was seen. */
  flip(count: number): void {
    for (let i = 0; i < count; i++) {
      const ready = this.#all.filter(({ flips, isSeen }) => isSeen && flips < this.#flipsMax);
      if (ready.length === 0) return;
      const series = this.#random.pick(ready);
      series.isHigh = !series.isHigh;
      series.isSeen = false;
      series.flips++;
    }
  }

  /** Sends the present value of every series; throws when the collector does not take it. */
  async push(url: string, token: string): Promise<void> {
    this.#lastPushMs = Math.max(Date.now(), this.#lastPushMs + 1);
    const timestamps = Float64Array.of(this.#lastPushMs);
    const series = this.#all.map(({ name, isHigh }) => ({
      labels: Labels.of({ __name__: 'chaos_level', series: name }),
      timestamps,
      values: Float64Array.of(isHigh ? 1 : 0),
    }));
    const answer = await fetch(`${url}/api/v1/write`, {
      method: 'POST',
      headers: { ...WRITE_HEADERS, Authorization: `Bearer ${token}` },
      body: new Uint8Array(writeRequest(series)),
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    });
    if (!answer.ok) throw new Error(`push: ${answer.status} ${await answer.text()}`);
    await answer.body?.cancel();
  }

  /** Notes which changes the collector shows; returns whether there are new ones among them. */
  async look(url: string): Promise<boolean> {
    const answer = await fetch(`${url}/v1/incidents?status=open&limit=1000`, {
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    });
    const { incidents } = incidentsAnswer.parse(await answer.json());
    const open = new Set(incidents.filter(({ rule }) => rule === RULE).map(({ labels }) => labels['series']));
    const seen = this.#all.filter(({ name, isHigh, isSeen }) => !isSeen && open.has(name) === isHigh);
    for (const series of seen) series.isSeen = true;
    return seen.length > 0;
  }
}
