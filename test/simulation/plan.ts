/** What a seed decides: how large the world is and which kinds of faults it has (swarm testing). */
import { Random } from './random.ts';

/** Every kind of fault. A seed enables a random part of them, so that none hides another one in every run. */
export const FAULTS = [
  'kill agent',
  'restart agent',
  'reboot agent',
  'kill collector',
  'restart collector',
  'kill both',
  'kill collector around a commit',
  'cut',
  'silent cut',
  'late messages',
  'partition',
  'clog to the collector',
  'clog to the agent',
  'slow network',
  'doubled messages',
  'freeze agent',
  'freeze collector',
  'suspend agent',
  'clock of an agent',
  'clock of the collector',
  'slow journal',
  'journal full',
  'journal error',
  'collector rollback',
  'power cut of an agent',
  'disk full',
  'disk read-only',
  'failing writes',
  'failing reads',
  'failing syncs',
  'slow disk',
  'death at a write',
  'spool removed',
  'bit rot',
  'spool set back',
  'clone of an agent',
  'small spool',
  'changing series',
] as const;

export type Fault = (typeof FAULTS)[number];

/** Faults of a disk, for agents that have one. */
const OF_DISKS: ReadonlySet<Fault> = new Set([
  'power cut of an agent',
  'disk full',
  'disk read-only',
  'failing writes',
  'failing reads',
  'failing syncs',
  'slow disk',
  'death at a write',
  'spool removed',
  'bit rot',
  'spool set back',
  'clone of an agent',
]);

/** These hold for a whole run; the others happen at some time. */
const STANDING: ReadonlySet<Fault> = new Set(['small spool', 'changing series', 'doubled messages']);

export interface Plan {
  readonly seed: number;
  readonly agents: number;
  readonly intervalMs: number;
  /** How long there may be faults. */
  readonly safetyMs: number;
  readonly faults: ReadonlySet<Fault>;
  /** What happens when; after the limit of `--events` nothing more. */
  readonly injections: readonly { readonly atMs: number; readonly fault: Fault }[];
  readonly spool: {
    readonly kind: 'memory' | 'durable';
    readonly segmentBytes: number;
    readonly maxBytes: number;
  };
}

/** @param emphasis every other seed has these faults and no others, so that what needs several at once is met soon */
export function planOf(seed: number, emphasis: readonly Fault[] = []): Plan {
  const random = new Random(seed, 'plan');
  const isEmphatic = emphasis.length > 0 && seed % 2 === 1;
  const [agentsDrawn, intervalDrawnMs] = [random.integer(1, 4), random.pick([1_000, 5_000, 10_000, 10_000])];
  const ticks = random.integer(15, 40);
  // Where few faults must meet there is one agent for all of them, and time.
  const [agents, intervalMs] = isEmphatic ? [1, 1_000] : [agentsDrawn, intervalDrawnMs];
  const safetyMs = isEmphatic ? 240_000 : Math.max(60_000, ticks * intervalMs);
  // Sometimes few kinds, sometimes many.
  const share = random.pick([0.05, 0.15, 0.3, 0.6]);
  const kind = random.isTrue(0.8) || isEmphatic ? 'durable' : 'memory';
  const possible = FAULTS.filter((fault) => kind === 'durable' || !OF_DISKS.has(fault));
  const drawn = possible.filter(() => random.isTrue(share));
  const faults = new Set(isEmphatic ? emphasis : drawn);
  const momentary = [...faults].filter((fault) => !STANDING.has(fault));
  const count = momentary.length === 0 ? 0 : random.integer(1, isEmphatic ? 20 : 10);
  const injections = Array.from({ length: count }, () => ({
    atMs: random.next() * safetyMs,
    fault: random.pick(momentary),
  })).sort((left, right) => left.atMs - right.atMs);
  const isSmall = faults.has('small spool');
  return {
    seed,
    agents,
    intervalMs,
    safetyMs,
    faults,
    injections,
    spool: isSmall
      ? { kind, segmentBytes: 2_048, maxBytes: 6_144 }
      : { kind, segmentBytes: 4_096, maxBytes: 1 << 20 },
  };
}
