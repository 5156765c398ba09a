/** What each fault does to the world, and how all of it is healed. */
import type { Fault } from './plan.ts';
import type { Random } from './random.ts';
import type { SimAgent } from './sim-agent.ts';
import type { DiskFaults } from './sim-disk.ts';
import type { SimCollector } from './sim-collector.ts';
import type { Network } from './network.ts';
import type { Timeline } from './timeline.ts';

export interface Scene {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly network: Network;
  readonly agents: readonly SimAgent[];
  readonly collector: SimCollector;
  readonly mark: (name: string) => void;
  /** All machines, clones included. */
  readonly machines: () => readonly SimAgent[];
  /** A second machine with the same disk and the same key. */
  readonly clone: (agent: SimAgent) => SimAgent;
  /** The files of the collector's databases are other ones now. */
  readonly databasesReplaced: () => void;
}

const MINUTE_MS = 60_000;

type Injection = (scene: Scene, agent: SimAgent) => void;

const INJECTIONS: Readonly<Record<Fault, Injection>> = {
  'kill agent': (scene, agent) => {
    agent.kill();
    startLater(scene, agent, MINUTE_MS);
  },
  'restart agent': (scene, agent) => {
    void agent.stop().then(() => startLater(scene, agent, 10_000));
  },
  'reboot agent': (scene, agent) => {
    // With the power gone nobody says goodbye.
    agent.kill({ isTold: scene.random.isTrue(0.5) });
    agent.reboot();
    startLater(scene, agent, 3 * MINUTE_MS);
  },
  'kill collector': (scene) => {
    scene.collector.kill();
    startCollectorLater(scene, MINUTE_MS);
  },
  'restart collector': (scene) => {
    void scene.collector.stop().then(() => startCollectorLater(scene, 15_000));
  },
  'kill both': (scene, agent) => {
    agent.kill();
    scene.collector.kill();
    startLater(scene, agent, 5_000);
    startCollectorLater(scene, 5_000);
  },
  'kill collector around a commit': ({ collector, random, mark }) => {
    const deathAt = random.pick(['before', 'after'] as const);
    collector.disk.deathAt = deathAt;
    mark(`collector killed ${deathAt} a commit`);
  },
  cut: ({ network }, { path }) => network.cut(path, true),
  'silent cut': ({ network }, { path }) => network.cut(path, false),
  'late messages': ({ network, timeline, random }, { path }) => {
    // Slow at first, so that something is under way.
    path.delayMsMax = 3_000;
    timeline.after(random.next() * 60_000, () => {
      path.delayMsMax = 20;
      network.straggle(path, 500 + random.next() * 10_000);
    });
  },
  partition: ({ network, timeline, random }, { path }) => {
    path.isCut = true;
    network.cut(path, random.isTrue(0.5));
    timeline.after(random.next() * 3 * MINUTE_MS, () => {
      path.isCut = false;
    });
  },
  'clog to the collector': (scene, agent) => clog(scene, agent, 'isUpClogged'),
  'clog to the agent': (scene, agent) => clog(scene, agent, 'isDownClogged'),
  'slow network': ({ timeline, random }, { path }) => {
    path.delayMsMax = random.pick([500, 2_000, 5_000]);
    timeline.after(random.next() * 2 * MINUTE_MS, () => {
      path.delayMsMax = 20;
    });
  },
  'doubled messages': (_scene, { path }) => {
    path.doubled = 0.1;
  },
  'freeze agent': ({ random }, { machine }) => machine.freeze(random.next() * 2 * MINUTE_MS),
  'freeze collector': ({ random, collector }) => collector.machine.freeze(random.next() * 2 * MINUTE_MS),
  'suspend agent': ({ random }, { machine }) => machine.suspend(random.next() * 5 * MINUTE_MS),
  'clock of an agent': ({ random }, { machine }) => {
    machine.wallErrorMs = random.pick([-3_600_000, 3_600_000, -5_000, 5_000, 86_400_000 * 3_650, 0]);
  },
  'clock of the collector': ({ random, collector }) => {
    // Without any row it cannot know better.
    if ((collector.journal?.stats().samples ?? 0) === 0) return;
    collector.machine.wallErrorMs = random.pick([-3_600_000, 3_600_000, -3_600_000, -20_000, 0]);
  },
  'slow journal': ({ timeline, random, collector }) => {
    collector.disk.delayMsMax = random.pick([100, 1_000, 4_000]);
    timeline.after(random.next() * MINUTE_MS, () => {
      collector.disk.delayMsMax = 0;
    });
  },
  'journal full': ({ timeline, random, collector }) => {
    collector.disk.isFull = true;
    timeline.after(random.next() * 2 * MINUTE_MS, () => {
      collector.disk.isFull = false;
    });
  },
  'journal error': ({ random, collector }) => {
    collector.disk.falseErrors = random.integer(1, 2);
  },
  'collector rollback': (scene) => rollBack(scene),
  'power cut of an agent': (scene, agent) => {
    agent.cutPower();
    startLater(scene, agent, MINUTE_MS);
  },
  'disk full': (scene, agent) => trouble(scene, agent, { isFull: true }),
  'disk read-only': (scene, agent) => trouble(scene, agent, { isReadOnly: true }),
  'failing writes': (scene, { disk }) => {
    disk.faults.failingWrites = scene.random.integer(1, 4);
  },
  'failing reads': (scene, agent) => {
    agent.hasUnreadable = true;
    agent.disk.faults.failingReads = scene.random.integer(1, 4);
  },
  'failing syncs': (_scene, { disk }) => {
    disk.faults.failingSyncs = 1;
  },
  'slow disk': (scene, agent) =>
    trouble(scene, agent, { syncMsMax: scene.random.pick([500, 5_000, 45_000]) }),
  'death at a write': ({ random }, { disk }) => {
    disk.faults.deathIn = random.integer(1, 12);
  },
  'spool removed': (_scene, agent) => agent.wipe(),
  'bit rot': (scene, agent) => {
    // Only a start reads everything again.
    agent.kill();
    agent.rot(scene.mark);
    startLater(scene, agent, 5_000);
  },
  'spool set back': (scene, agent) => {
    agent.saveImage();
    scene.timeline.after(scene.random.next() * 2 * MINUTE_MS, () => {
      if (agent.isRetired) return;
      agent.kill();
      agent.restoreImage();
      scene.mark('spool set back');
      startLater(scene, agent, 10_000);
    });
  },
  'clone of an agent': (scene, agent) => {
    const clone = scene.clone(agent);
    startLater(scene, clone, 10_000);
    scene.timeline.after(scene.random.next() * 2 * MINUTE_MS, () => clone.retire());
  },
  'small spool': () => {},
  'changing series': () => {},
};

/** Lets `fault` happen to an agent that the seed chooses. */
export function inject(scene: Scene, fault: Fault): void {
  INJECTIONS[fault](scene, scene.random.pick(scene.agents));
}

/** Ends every fault and starts whatever does not run. */
export function heal({ agents, collector, network }: Scene): void {
  Object.assign(collector.disk, { isFull: false, falseErrors: 0, delayMsMax: 0, deathAt: undefined });
  collector.machine.wallErrorMs = 0;
  collector.start();
  for (const agent of agents) {
    const { path, machine } = agent;
    Object.assign(path, {
      isCut: false,
      isUpClogged: false,
      isDownClogged: false,
      delayMsMax: 20,
      doubled: 0,
    });
    network.cleared(path);
    machine.wallErrorMs = 0;
    agent.disk.heal();
    if (agent.hasUnreadable) agent.kill();
    agent.start();
  }
}

function startLater({ timeline, random }: Scene, agent: SimAgent, delayMsMax: number): void {
  timeline.after(random.next() * delayMsMax, () => agent.start());
}

function startCollectorLater({ timeline, random, collector }: Scene, delayMsMax: number): void {
  timeline.after(random.next() * delayMsMax, () => collector.start());
}

function trouble({ timeline, random }: Scene, { disk }: SimAgent, faults: Partial<DiskFaults>): void {
  Object.assign(disk.faults, faults);
  timeline.after(random.next() * 3 * MINUTE_MS, () => disk.heal());
}

function clog(
  { network, timeline, random }: Scene,
  { path }: SimAgent,
  direction: 'isUpClogged' | 'isDownClogged',
): void {
  path[direction] = true;
  timeline.after(random.next() * random.pick([20_000, 2 * MINUTE_MS]), () => {
    path[direction] = false;
    network.cleared(path);
  });
}

/** Sets the databases back to what they were a while ago, as a restore from a backup does. */
function rollBack(scene: Scene): void {
  const { timeline, random, collector, machines, mark } = scene;
  if ((collector.journal?.stats().samples ?? 0) === 0) return;
  collector.saveImage();
  timeline.after(random.next() * 2 * MINUTE_MS, () => {
    if (collector.isRetired) return;
    collector.kill();
    collector.restoreImage();
    scene.databasesReplaced();
    for (const agent of machines()) agent.collectorSetBack();
    mark('collector set back');
    startCollectorLater(scene, 20_000);
  });
}
