/**
 * What a reading of many containers costs the agent. Their control groups are files in a temporary folder, laid out as the
 * kernel lays them out, so what the kernel itself needs to write them is not in the figures.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LocalHost } from '../agent/src/host/local-host.ts';
import { containersSampler } from '../agent/src/samplers/containers/containers.linux.ts';
import { Readings } from '../agent/src/samplers/readings.ts';
import { REMEMBER_MS } from '../agent/src/samplers/remembered.ts';
import { FakeClock } from '../shared/src/testing/fake-clock.ts';

const COUNTS = [0, 50, 500] as const;
const READINGS = 40;
/** A fifth of what node_exporter needs for a series. */
const US_PER_SERIES_TARGET = 4;
const READING_SECONDS = 10;
const US_PER_MS = 1_000;

const FILES: Readonly<Record<string, string>> = {
  'cpu.stat':
    'usage_usec 900000\nuser_usec 600000\nsystem_usec 300000\nnr_periods 9\nnr_throttled 1\nthrottled_usec 5\n',
  'cpu.max': '50000 100000\n',
  'memory.current': '50331648\n',
  'memory.max': '134217728\n',
  'memory.peak': '60000000\n',
  'memory.swap.current': '0\n',
  'memory.stat': `${['anon', 'file', 'kernel', 'file_mapped', 'inactive_anon', 'active_anon', 'inactive_file']
    .map((key) => `${key} 123456789\n`)
    .join('')}${Array.from({ length: 50 }, (_, i) => `counter_${i} 123456\n`).join('')}`,
  'memory.events': 'low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n',
  'io.stat': '8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n',
  'pids.current': '12\n',
  'pids.max': 'max\n',
};
const NETWORK = `Inter-| Receive\n face |bytes packets\n  eth0: ${'123456 '.repeat(16)}\n`;

/** Prints a table. */
export async function containers(): Promise<void> {
  process.stdout.write('containers   series   first reading   each reading   per series   CPU share\n');
  for (const count of COUNTS) process.stdout.write(`${await rowOf(count)}\n`);
  process.stdout.write(`Target: ${US_PER_SERIES_TARGET} µs per series, without the kernel's part.\n`);
}

async function rowOf(count: number): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'rollcall-bench-containers-'));
  try {
    makeMachine(root, count);
    const clock = new FakeClock();
    const roots = { procPath: join(root, 'proc'), sysPath: join(root, 'sys'), rootPath: root };
    using host = new LocalHost(roots, { clock });
    const sampler = containersSampler(clock);
    const readings = new Readings({ sampler: 'containers', intervalMs: READING_SECONDS * 1_000 });
    const read = async (): Promise<number> => {
      readings.begin();
      await sampler.sample(host, readings, new AbortController().signal);
      return readings.finish().reduce((sum, { schema }) => sum + schema.seriesCount, 0);
    };
    const first = await cpuUs(read);
    const series = await read();
    let all = 0;
    for (let i = 0; i < READINGS; i++) {
      // A look once a minute is part of it.
      await clock.advance(REMEMBER_MS / 6);
      all += await cpuUs(read);
    }
    const each = all / READINGS;
    const cells = [
      String(count).padStart(10),
      String(series).padStart(8),
      `${(first / US_PER_MS).toFixed(1)} ms`.padStart(15),
      `${(each / US_PER_MS).toFixed(2)} ms`.padStart(14),
      (series === 0 ? '–' : `${(each / series).toFixed(1)} µs`).padStart(12),
      `${(each / READING_SECONDS / 10_000).toFixed(3)} %`.padStart(11),
    ];
    return cells.join(' ');
  } finally {
    rmSync(root, { recursive: true });
  }
}

async function cpuUs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function makeMachine(root: string, count: number): void {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('proc/uptime', '5000.00 9000.00\n');
  write('proc/stat', 'intr 5\nctxt 6\nbtime 1700000000\nprocesses 7\nprocs_running 1\nprocs_blocked 0\n');
  write('proc/self/stat', '');
  write('sys/fs/cgroup/cgroup.controllers', 'cpu io memory pids\n');
  mkdirSync(join(root, 'proc/self/ns'), { recursive: true });
  symlinkSync('net:[1]', join(root, 'proc/self/ns/net'));
  for (let i = 0; i < 100; i++) write(`sys/fs/cgroup/system.slice/unit-${i}.service/cgroup.procs`, '');
  for (let i = 0; i < count; i++) {
    const id = (i + 1).toString(16).padStart(64, '5a');
    const folder = `sys/fs/cgroup/system.slice/docker-${id}.scope`;
    for (const [name, text] of Object.entries(FILES)) write(`${folder}/${name}`, text);
    const pid = 10_000 + i;
    write(`${folder}/cgroup.procs`, `${pid}\n`);
    write(`proc/${pid}/stat`, `${pid} (app) S ${'0 '.repeat(18)}${1_000 + i} 0 0\n`);
    write(`proc/${pid}/net/dev`, NETWORK);
    mkdirSync(join(root, `proc/${pid}/ns`), { recursive: true });
    symlinkSync(`net:[${i + 2}]`, join(root, `proc/${pid}/ns/net`));
  }
}
