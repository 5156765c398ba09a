/** A fleet of simulated agents in one process: who they are, when they tick, what is wrong with some of them. */
import { systemClock, type Timer } from '@rollcall/shared/lib/clock.ts';
import { SimulatedAgent } from './agent.ts';
import { enrollSimulated } from './enroll.ts';
import { simulatedSamplers, type Fault, type SimulatedSampler } from './host.ts';

/** Agents that enrol at a time. */
const ENROLL_CONCURRENCY = 16;
const CPU_COUNTS = [2, 4, 8];

export interface FleetOptions {
  readonly url: string;
  /** An enrolment token with at least `count` uses. */
  readonly token: string;
  readonly count: number;
  readonly intervalMs: number;
  /** Same number of CPUs and hence of series everywhere; by default machines differ. */
  readonly cpuCount?: number;
  /** What is wrong with machine `index`. */
  readonly faultOf?: (index: number) => Fault;
  readonly nameOf?: (index: number) => string;
  /** Spreads what agents do at random times, as the pauses before they try again. @default Math.random */
  readonly random?: () => number;
}

/** Enrols `count` agents; none is connected yet. */
export async function enrollFleet(options: FleetOptions): Promise<readonly SimulatedAgent[]> {
  const nameOf = options.nameOf ?? ((index: number) => `sim-${String(index).padStart(5, '0')}`);
  const samplersByCpus = new Map<number, readonly SimulatedSampler[]>();
  const agents: SimulatedAgent[] = [];
  for (let first = 0; first < options.count; first += ENROLL_CONCURRENCY) {
    const indexes = Array.from(
      { length: Math.min(ENROLL_CONCURRENCY, options.count - first) },
      (_, offset) => first + offset,
    );
    const identities = await Promise.all(
      indexes.map((index) =>
        enrollSimulated({ url: options.url, token: options.token, hostName: nameOf(index) }),
      ),
    );
    for (const [offset, identity] of identities.entries()) {
      const index = first + offset;
      const cpuCount = options.cpuCount ?? CPU_COUNTS[index % CPU_COUNTS.length] ?? 2;
      let samplers = samplersByCpus.get(cpuCount);
      if (samplers === undefined) {
        samplers = simulatedSamplers(cpuCount, options.intervalMs);
        samplersByCpus.set(cpuCount, samplers);
      }
      const fault = options.faultOf?.(index) ?? 'none';
      agents.push(
        new SimulatedAgent({
          url: options.url,
          identity,
          samplers,
          hostName: nameOf(index),
          shape: { index, fault, cpuCount, intervalMs: options.intervalMs },
          random: options.random ?? Math.random,
        }),
      );
    }
  }
  return agents;
}

/** Lets every agent tick once per interval, each at its own moment. Returns the way to stop. */
export function startTicking(agents: readonly SimulatedAgent[], intervalMs: number): () => void {
  const clock = systemClock;
  const timers = new Map<number, Timer>();
  for (const [index, agent] of agents.entries()) {
    const phaseMs = (intervalMs * index) / agents.length;
    const startMonoMs = clock.monoMs() + phaseMs;
    let tickCount = 0;
    const next = (): void => {
      agent.tick(clock.wallMs());
      tickCount++;
      timers.set(index, clock.setTimer(startMonoMs + tickCount * intervalMs - clock.monoMs(), next));
    };
    timers.set(index, clock.setTimer(phaseMs, next));
  }
  return () => {
    for (const timer of timers.values()) timer.cancel();
  };
}
