/**
 * What really happened on the simulated machines, kept outside of the system under test. A value is computed from the
 * machine and the tick that it was read in, so each stored value proves where it comes from.
 */
import type { Host } from '../../agent/src/host/host.ts';
import type { Readings } from '../../agent/src/samplers/readings.ts';
import type { Sampler } from '../../agent/src/samplers/sampler.ts';

const MACHINE_FACTOR = 1_000_000;
const DEVICE_FACTOR = 16;
/** The name of the sampler whose blocks are proofs. */
export const PROOF = 'proof';
export const PROOF_METRIC = 'node_context_switches_total';
const LOAD_METRIC = 'node_load1';
const DEVICE_METRIC = 'node_network_receive_bytes_total';
/** A series that is 1 for some ticks, then 0 for as many; rules look at it. */
const ALARM_METRIC = 'node_load5';
const ALARM_TICKS = 6;

export interface Tick {
  readonly machine: number;
  readonly number: number;
  readonly wallMs: number;
  /** By how much the wall clock was wrong. */
  readonly wallErrorMs: number;
  /** Values in its record; 0 until the spool was asked to take it. */
  samples: number;
  /** The spool took it, so from now on it is the product's matter. */
  isKept: boolean;
  /** Where its record stood at first; undefined when that is not known. */
  place: { readonly epochId: string; readonly seq: number } | undefined;
  /** The spool said that it keeps its records on a sound disk. */
  isOnDisk: boolean;
  /** Somebody deleted its record, so it cannot be delivered a second time. */
  isWiped: boolean;
  /** When the spool took it, by the time that its machine was able to run. */
  keptAtMs: number;
  /** Since then a process that knew of it had the time to make it durable. */
  isSynced: boolean;
  /** Its record reached the collector from this machine; a watermark may be due to another one with the same key. */
  hasArrived: boolean;
  /** The agent was told that it is safe. */
  isAcked: boolean;
  /** Why nobody can say whether it must arrive; undefined when it must. */
  excuse: string | undefined;
}

/** Which tick of which machine a stored proof stands for. */
export function originOf(proof: number): { readonly machine: number; readonly number: number } {
  return { machine: Math.floor(proof / MACHINE_FACTOR), number: proof % MACHINE_FACTOR };
}

/** Whether the alarm series is 1 in this tick. */
function isAlarmTick(number: number): boolean {
  return Math.floor(number / ALARM_TICKS) % 2 === 1;
}

/** The value that the series must have; undefined for a series that does not exist. */
export function valueOf(proof: number, metric: string, labels: readonly string[]): number | undefined {
  switch (metric) {
    case PROOF_METRIC:
      return proof;
    case LOAD_METRIC:
      return ((proof * 7_919) % 10_007) / 100;
    case ALARM_METRIC:
      return isAlarmTick(originOf(proof).number) ? 1 : 0;
    case DEVICE_METRIC:
      return proof * DEVICE_FACTOR + Number(labels[0]?.slice(1));
    default:
      return undefined;
  }
}

/** The wall clock of the machine, right or wrong. */
interface WallClock {
  readonly wallMs: number;
  readonly wallErrorMs: number;
}

export class Ledger {
  readonly #machine: number;
  readonly ticks: Tick[] = [];
  readonly #clock: WallClock;
  /** How many devices there are in a tick; what changes it makes new schemas. */
  readonly #devices: (tick: number) => number;

  constructor(options: {
    readonly machine: number;
    readonly clock: WallClock;
    readonly devices: (tick: number) => number;
  }) {
    this.#machine = options.machine;
    this.#clock = options.clock;
    this.#devices = options.devices;
  }

  /** A sampler whose every reading is a new tick of the ledger. */
  sampler(): Sampler {
    return {
      name: PROOF,
      metrics: [PROOF_METRIC, LOAD_METRIC, ALARM_METRIC, DEVICE_METRIC],
      sample: (_host: Host, readings: Readings) => this.#sample(readings),
    };
  }

  /** The spool is asked to take the newest tick; if the process dies in the middle, it may have. */
  offered(samples: number): void {
    const tick = this.ticks.at(-1);
    if (tick !== undefined) tick.samples = samples;
  }

  /** The spool returned from taking the newest tick. */
  kept(how: Pick<Tick, 'place' | 'isOnDisk' | 'keptAtMs'>): void {
    const tick = this.ticks.at(-1);
    if (tick === undefined) return;
    Object.assign(tick, how, { isKept: true, excuse: undefined });
  }

  /** A record with this number has come from the machine to the collector. */
  arrived(epochId: string, seq: number): void {
    const tick = this.ticks.findLast(({ place }) => place?.epochId === epochId && place.seq === seq);
    if (tick !== undefined) tick.hasArrived = true;
  }

  /** Everything of the epoch up to the watermark was acknowledged: no excuse counts for it any more. */
  acknowledged(epochId: string, watermark: number): void {
    for (let index = this.ticks.length - 1; index >= 0; index--) {
      const tick = this.ticks[index];
      if (tick?.place?.epochId !== epochId || tick.place.seq > watermark || !tick.hasArrived) continue;
      if (tick.isAcked) return;
      tick.isAcked = true;
      tick.excuse = undefined;
    }
  }

  /** Nothing counts as acknowledged any more; what is not held by its agent cannot be asked for. */
  setBack(isHeld: (tick: Tick) => boolean): void {
    for (const tick of this.ticks) {
      if (tick.isAcked && !isHeld(tick)) tick.excuse ??= 'acknowledged by a collector that was set back';
      tick.isAcked = false;
    }
  }

  /** Ticks that nobody can be held to. */
  excuse(reason: string, isMeant: (tick: Tick) => boolean): void {
    for (const tick of this.ticks) if (isMeant(tick)) tick.excuse ??= reason;
  }

  #sample(readings: Readings): void {
    const number = this.ticks.length;
    this.ticks.push({
      machine: this.#machine,
      number,
      wallMs: this.#clock.wallMs,
      wallErrorMs: this.#clock.wallErrorMs,
      samples: 0,
      isKept: false,
      place: undefined,
      isOnDisk: false,
      isWiped: false,
      keptAtMs: 0,
      isSynced: false,
      hasArrived: false,
      isAcked: false,
      excuse: 'never reached the spool',
    });
    const proof = this.#machine * MACHINE_FACTOR + number;
    const of = (metric: string, labels: readonly string[] = []): number =>
      valueOf(proof, metric, labels) ?? Number.NaN;
    readings.add(PROOF_METRIC, proof);
    readings.add(LOAD_METRIC, of(LOAD_METRIC));
    readings.add(ALARM_METRIC, of(ALARM_METRIC));
    for (let device = 0; device < this.#devices(number); device++) {
      readings.add(DEVICE_METRIC, of(DEVICE_METRIC, [`e${device}`]), `e${device}`);
    }
  }
}
