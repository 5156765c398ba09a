/** What is done to real processes, row by row of docs/fault-matrix.md. Long, because it is one table. */
import { cpSync, readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeTimeLibrary, missing } from './capabilities.ts';
import type { Namespace } from './namespace.ts';
import type { Stage, StageAgent } from './stage.ts';

export interface Scenario {
  /** Row of the fault matrix. */
  readonly row: string;
  readonly name: string;
  readonly agents: number;
  /** Why it cannot run on this machine; undefined when it can. */
  readonly obstacle?: () => string | undefined;
  /** The programs meet in a network namespace of their own, without the proxy. */
  readonly hasOwnNetwork?: true;
  /** Before anything is started. */
  readonly prepare?: (stage: Stage) => void;
  /** The faults, from a fleet that is well to one that may get well by itself. */
  readonly run: (stage: Stage, random: () => number) => Promise<void>;
}

const pause = (ms: number): Promise<void> =>
  new Promise((wake) => {
    setTimeout(wake, ms);
  });

async function often(times: number, act: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < times; round++) await act(round);
}

function agentOf(stage: Stage, round = 0): StageAgent {
  const agent = stage.agents[round % stage.agents.length];
  if (agent === undefined) throw new Error('the stage has no agents');
  return agent;
}

function networkOf({ namespace }: Stage): Namespace {
  if (namespace === undefined) throw new Error('the stage has no network of its own');
  return namespace;
}

/** Without this a scenario could pass on a network that was never cut. */
function mustBeShut(network: Namespace): void {
  if (network.isOpen) throw new Error('the network was not cut');
}

async function restart(stage: Stage, agent: StageAgent): Promise<void> {
  await stage.killAgent(agent);
  stage.startAgent(agent);
}

export const SCENARIOS: readonly Scenario[] = [
  {
    row: 'F1',
    name: 'agents are killed at random times',
    agents: 2,
    run: (stage, random) =>
      often(8, async (round) => {
        await pause(300 + random() * 2_500);
        await restart(stage, agentOf(stage, round));
      }),
  },
  {
    row: 'F3',
    name: 'the collector is killed at random times',
    agents: 3,
    run: (stage, random) =>
      often(6, async () => {
        await pause(200 + random() * 3_000);
        await stage.killCollector();
        await stage.startCollector();
      }),
  },
  {
    row: 'F5',
    name: 'both are killed within a second',
    agents: 2,
    run: (stage, random) =>
      often(4, async (round) => {
        await pause(500 + random() * 2_500);
        await Promise.all([stage.killCollector(), restart(stage, agentOf(stage, round))]);
        await stage.startCollector();
      }),
  },
  {
    row: 'F8',
    name: 'the newest segment is cut at some byte',
    agents: 1,
    run: (stage, random) =>
      often(3, async () => {
        const agent = agentOf(stage);
        await pause(1_500);
        await stage.killAgent(agent);
        // What is cut off was delivered: only an end that nobody has is lost without a word.
        const segment = newestSegment(agent);
        truncateSync(segment, Math.floor(statSync(segment).size * (0.3 + 0.7 * random())));
        stage.hasForked = true;
        stage.startAgent(agent);
      }),
  },
  {
    row: 'F12',
    name: 'the spool is removed while the agent runs',
    agents: 1,
    run: async (stage) => {
      rmSync(join(agentOf(stage).dataDir, 'spool'), { recursive: true, force: true });
      await pause(5_000);
    },
  },
  {
    row: 'F13',
    name: 'the spool is set back to an old image',
    agents: 1,
    run: async (stage) => {
      const agent = agentOf(stage);
      const image = join(stage.folder, 'image');
      await stage.killAgent(agent);
      cpSync(join(agent.dataDir, 'spool'), image, { recursive: true });
      stage.startAgent(agent);
      await pause(6_000);
      await stage.killAgent(agent);
      rmSync(join(agent.dataDir, 'spool'), { recursive: true });
      cpSync(image, join(agent.dataDir, 'spool'), { recursive: true });
      stage.hasForked = true;
      stage.startAgent(agent);
      await pause(3_000);
    },
  },
  {
    row: 'F15',
    name: "the agent's disk is full",
    agents: 1,
    obstacle: () => missing('mount'),
    prepare: (stage) => stage.mount(join(stage.folder, 'agent-0'), 'size=3m,mode=0700'),
    run: (stage) => fill(stage, agentOf(stage).dataDir, 10_000),
  },
  {
    row: 'F16',
    name: "the collector's disk is full",
    agents: 2,
    obstacle: () => missing('mount'),
    prepare: (stage) => stage.mount(stage.collectorDir, 'size=24m,mode=0700'),
    run: (stage) => fill(stage, stage.collectorDir, 8_000),
  },
  {
    row: 'F17',
    name: "the agent's disk has no inodes left",
    agents: 1,
    obstacle: () => missing('mount'),
    prepare: (stage) => stage.mount(join(stage.folder, 'agent-0'), 'size=8m,nr_inodes=40,mode=0700'),
    run: async (stage) => {
      const { dataDir } = agentOf(stage);
      const paths: string[] = [];
      for (let index = 0; index < 60; index++) {
        const path = join(dataDir, `inode-${index}`);
        try {
          writeFileSync(path, '');
          paths.push(path);
        } catch {
          break;
        }
      }
      await restart(stage, agentOf(stage));
      await pause(6_000);
      for (const path of paths) rmSync(path);
    },
  },
  {
    row: 'F18',
    name: 'the agent starts on a disk that is read-only',
    agents: 1,
    obstacle: () => missing('mount'),
    prepare: (stage) => stage.mount(join(stage.folder, 'agent-0'), 'size=8m,mode=0700'),
    run: async (stage) => {
      const agent = agentOf(stage);
      await stage.killAgent(agent);
      stage.run('mount', '-o', 'remount,ro', agent.dataDir);
      stage.startAgent(agent);
      await pause(5_000);
      stage.run('mount', '-o', 'remount,rw', agent.dataDir);
      // What the agent took meanwhile is in its memory; it ends only after it was sent.
      await pause(2_000);
    },
  },
  {
    row: 'F21',
    name: 'the network is cut for a while',
    agents: 2,
    run: async ({ proxy }) => {
      proxy.isClosed = true;
      proxy.cut();
      await pause(15_000);
      proxy.calm();
    },
  },
  {
    row: 'F22',
    name: 'one direction of the network is dead',
    agents: 2,
    run: async ({ proxy }, random) => {
      const direction = random() < 0.5 ? proxy.up : proxy.down;
      direction.isFrozen = true;
      await pause(12_000);
      proxy.calm();
    },
  },
  {
    row: 'F21N',
    name: 'the network is cut for a while, in a network namespace',
    agents: 2,
    obstacle: () => missing('namespace'),
    hasOwnNetwork: true,
    run: async (stage) => {
      const network = networkOf(stage);
      await often(2, async () => {
        network.cut();
        await pause(10_000);
        mustBeShut(network);
        network.join();
        await stage.settled();
      });
    },
  },
  {
    row: 'F22N',
    name: 'one direction of the network is dead, each in turn, in a network namespace',
    agents: 2,
    obstacle: () => missing('namespace'),
    hasOwnNetwork: true,
    run: async (stage) => {
      const network = networkOf(stage);
      for (const direction of ['up', 'down'] as const) {
        network.drop(direction);
        await pause(12_000);
        mustBeShut(network);
        network.pass(direction);
        await stage.settled();
      }
    },
  },
  {
    row: 'F23',
    name: 'connections are reset every second or so',
    agents: 2,
    run: ({ proxy }, random) =>
      often(8, async () => {
        await pause(700 + random() * 2_000);
        proxy.cut();
      }),
  },
  {
    row: 'F24',
    name: 'acknowledgements are lost',
    agents: 2,
    run: async ({ proxy }) => {
      proxy.down.isDropping = true;
      await pause(6_000);
      proxy.cut();
      proxy.calm();
    },
  },
  {
    row: 'F25',
    name: 'connections are cut after n bytes',
    agents: 2,
    run: async ({ proxy }, random) => {
      await often(8, async () => {
        proxy.cutAfterBytes = 1 + Math.floor(random() * 5_000);
        proxy.cut();
        await pause(1_500);
      });
      proxy.calm();
    },
  },
  {
    row: 'F26',
    name: 'the network is slow: two seconds of delay, then a few bytes a second',
    agents: 2,
    run: async ({ proxy }) => {
      proxy.up.delayMs = 2_000;
      proxy.down.delayMs = 2_000;
      await pause(8_000);
      proxy.calm();
      proxy.up.bytesPerSecond = 64;
      await pause(8_000);
      proxy.cut();
      proxy.calm();
    },
  },
  {
    row: 'F27',
    name: 'one packet of ten, then three of ten are lost at random, in a network namespace',
    agents: 2,
    obstacle: () => missing('namespace') ?? missing('nft'),
    hasOwnNetwork: true,
    run: async (stage) => {
      const network = networkOf(stage);
      for (const percent of [10, 30]) {
        network.lose(percent);
        await pause(10_000);
        if (network.loseNone() === 0) throw new Error('no packet was lost');
      }
    },
  },
  {
    row: 'F29',
    name: 'an agent is stopped and goes on',
    agents: 1,
    run: async (stage) => {
      agentOf(stage).process?.child.kill('SIGSTOP');
      await pause(15_000);
      agentOf(stage).process?.child.kill('SIGCONT');
    },
  },
  {
    row: 'F30',
    name: 'the collector is stopped and goes on',
    agents: 2,
    run: async (stage) => {
      stage.collector?.child.kill('SIGSTOP');
      await pause(20_000);
      stage.collector?.child.kill('SIGCONT');
    },
  },
  {
    row: 'F31',
    name: 'the wall clock of an agent jumps',
    agents: 1,
    obstacle: () => missing('faketime'),
    prepare: (stage) => {
      setClockOffset(stage, 0);
      stage.agentEnvironment = {
        LD_PRELOAD: fakeTimeLibrary(),
        FAKETIME_TIMESTAMP_FILE: clockFile(stage),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      };
    },
    run: async (stage) => {
      // Also without the jump the scenario would pass, so each has to be found.
      for (const seconds of [3_600, -3_600, 86_400 * 400, 500]) {
        setClockOffset(stage, seconds);
        await stage.hasCorrectedTick(seconds * 1_000);
      }
      setClockOffset(stage, 0);
      await pause(4_000);
    },
  },
  {
    row: 'F46',
    name: 'the collector is restarted in order, under load',
    agents: 3,
    run: (stage, random) =>
      often(3, async () => {
        await pause(500 + random() * 2_000);
        await stage.stopCollector();
        await stage.startCollector();
      }),
  },
];

function clockFile({ folder }: Stage): string {
  return join(folder, 'clock');
}

/** The agents' wall clock is so many seconds ahead of the machine's from now on. */
function setClockOffset(stage: Stage, seconds: number): void {
  // Renamed into place: a clock that is read meanwhile finds the old offset or the new one.
  const path = clockFile(stage);
  writeFileSync(`${path}.new`, `${seconds < 0 ? '' : '+'}${seconds}s\n`);
  renameSync(`${path}.new`, path);
}

function newestSegment({ dataDir }: StageAgent): string {
  const segments = readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.seg'))
    .map((path) => join(dataDir, path))
    .sort((left, right) => statSync(left).mtimeMs - statSync(right).mtimeMs);
  const newest = segments.at(-1);
  if (newest === undefined) throw new Error(`no segment in ${dataDir}`);
  return newest;
}

/** Takes all the room there is for a while. */
async function fill(stage: Stage, folder: string, forMs: number): Promise<void> {
  const path = join(folder, 'ballast-of-the-test');
  let blocks = 0;
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    for (;;) {
      try {
        writeFileSync(path, Buffer.alloc(size), { flag: 'a' });
        blocks++;
      } catch {
        break;
      }
    }
  }
  stage.undoLater(() => rmSync(path, { force: true }));
  await pause(blocks > 0 ? forMs : 0);
  rmSync(path, { force: true });
}
