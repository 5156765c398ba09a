/** Snapshots one after another: what a sampler tells when parts go away, counters start anew, or numbers wrap. */
import { expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { FakeHost } from '../host/testing.ts';
import { createSamplers } from './list.ts';
import { Readings } from './readings.ts';
import { readLines } from './testing.ts';

const STAT_REST = 'intr 5\nctxt 6\nbtime 1700000000\nprocesses 7\nprocs_running 1\nprocs_blocked 0\n';
const cpu = (number: number, user: number): string => `cpu${number} ${user} 0 0 100 0 0 0 0 0 0\n`;
const disk = (name: string, reads: number): string => `8 0 ${name} ${reads} 0 8 4 0 0 0 0 0 0 0\n`;
const device = (name: string, received: number): string =>
  `${name}: ${received} 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n`;
const HEADINGS = 'Inter-| Receive\n face |bytes packets\n';

interface Sequence {
  readonly sampler: string;
  readonly path: string;
  /** Content of the file in one tick after another; undefined when it is not there. */
  readonly contents: readonly (string | undefined)[];
  /** Which of the lines are looked at. */
  readonly lines: RegExp;
  /** Those lines per tick. */
  readonly expected: readonly (readonly string[])[];
}

const SEQUENCES: Readonly<Record<string, Sequence>> = {
  'a processor is taken out and put back': {
    sampler: 'cpu',
    path: '/proc/stat',
    contents: [cpu(0, 100) + cpu(1, 200), cpu(0, 110), cpu(0, 120) + cpu(1, 200)].map(
      (each) => each + STAT_REST,
    ),
    lines: /^node_cpu_seconds_total\{.*mode="user"/,
    expected: [
      ['node_cpu_seconds_total{cpu="0",mode="user"} 1', 'node_cpu_seconds_total{cpu="1",mode="user"} 2'],
      ['node_cpu_seconds_total{cpu="0",mode="user"} 1.1'],
      ['node_cpu_seconds_total{cpu="0",mode="user"} 1.2', 'node_cpu_seconds_total{cpu="1",mode="user"} 2'],
    ],
  },
  'a disk is pulled and another takes its name': {
    sampler: 'disk',
    path: '/proc/diskstats',
    contents: [disk('sda', 10) + disk('sdb', 900), disk('sda', 11), disk('sda', 12) + disk('sdb', 3)],
    lines: /^node_disk_reads_completed_total/,
    expected: [
      [
        'node_disk_reads_completed_total{device="sda"} 10',
        'node_disk_reads_completed_total{device="sdb"} 900',
      ],
      ['node_disk_reads_completed_total{device="sda"} 11'],
      ['node_disk_reads_completed_total{device="sda"} 12', 'node_disk_reads_completed_total{device="sdb"} 3'],
    ],
  },
  'a counter starts anew, and is told as it is': {
    sampler: 'vmstat',
    path: '/proc/vmstat',
    contents: ['pgfault 5000\n', 'pgfault 7\n'],
    lines: /pgfault/,
    expected: [['node_vmstat_pgfault 5000'], ['node_vmstat_pgfault 7']],
  },
  'a counter of 32 bits wraps': {
    sampler: 'network',
    path: '/proc/net/dev',
    contents: [4_294_967_295, 12].map((received) => HEADINGS + device('eth0', received)),
    lines: /receive_bytes/,
    expected: [
      ['node_network_receive_bytes_total{device="eth0"} 4294967295'],
      ['node_network_receive_bytes_total{device="eth0"} 12'],
    ],
  },
  'a counter exceeds what can be told exactly': {
    sampler: 'network',
    path: '/proc/net/dev',
    contents: [`${HEADINGS}eth0: 18446744073709551615 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n`],
    lines: /receive_bytes/,
    expected: [['node_network_receive_bytes_total{device="eth0"} 18446744073709552000']],
  },
  'a network device is renamed': {
    sampler: 'network',
    path: '/proc/net/dev',
    contents: [HEADINGS + device('eth0', 5), HEADINGS + device('lan', 6)],
    lines: /receive_bytes/,
    expected: [
      ['node_network_receive_bytes_total{device="eth0"} 5'],
      ['node_network_receive_bytes_total{device="lan"} 6'],
    ],
  },
  'a file goes away and comes back': {
    sampler: 'vmstat',
    path: '/proc/vmstat',
    contents: ['pgfault 1\n', undefined, 'pgfault 3\n'],
    lines: /./,
    expected: [['node_vmstat_pgfault 1'], ['failed: read /proc/vmstat'], ['node_vmstat_pgfault 3']],
  },
  'a line is far too long once': {
    sampler: 'disk',
    path: '/proc/diskstats',
    contents: [disk('sda', 1), disk('sd'.repeat(50_000), 2), disk('sda', 3)],
    lines: /^node_disk_reads_completed_total\{device=".{0,300}"\}/,
    expected: [
      ['node_disk_reads_completed_total{device="sda"} 1'],
      [`node_disk_reads_completed_total{device="${'sd'.repeat(128)}"} 2`],
      ['node_disk_reads_completed_total{device="sda"} 3'],
    ],
  },
};

it.each(Object.entries(SEQUENCES))(
  '%s',
  async (_what, { sampler: name, path, contents, lines, expected }) => {
    const agent = { version: '0', arch: 'x64', os: 'linux' };
    const samplers = createSamplers('linux', { clock: new FakeClock(), agent, mountTimeoutMs: 0 });
    const sampler = samplers.find((each) => each.name === name);
    if (sampler === undefined) throw new Error(`no sampler ${name}`);
    const host = new FakeHost();
    const readings = new Readings({ sampler: name, intervalMs: 10_000 });
    const told: string[][] = [];
    for (const content of contents) {
      host.files.set(path, content ?? { fails: 'absent' });
      told.push((await readLines(sampler, host, readings)).filter((line) => lines.test(line)));
    }
    expect(told).toEqual(expected);
  },
);
