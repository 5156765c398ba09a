/**
 * Compares our samplers with node_exporter 1.5: exactly on the fixtures, which both can read, and within the growth of
 * a second on the running machine.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LocalHost, MACHINE_ROOTS } from '../../agent/src/host/local-host.ts';
import { createSamplers } from '../../agent/src/samplers/list.ts';
import { readLines } from '../../agent/src/samplers/testing.ts';
import { isMetricName, metricDefinition } from '../../shared/src/catalogue/metrics.ts';
import { systemClock } from '../../shared/src/lib/clock.ts';
import { freePort } from '../harness/ports.ts';

const PROGRAM = '/usr/bin/prometheus-node-exporter';
const START_MS_MAX = 20_000;
const POLL_MS = 50;
const DIGITS = 15;
const SAMPLERS_FOLDER = join(import.meta.dirname, '../../agent/src/samplers');

const isMissing = !existsSync(PROGRAM);
// Where tests are the gate, a comparison that did not run is a failure.
const isSkipped = isMissing && process.env['CI'] !== 'true';

/** Upstream's defaults; Debian's build also hides /run, /mnt and /media. */
const UPSTREAM_DEFAULTS = [
  '--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)',
  '--collector.netdev.device-exclude=^$',
];

/** Families that only we have, and why. */
const OURS_ONLY: readonly (readonly [family: RegExp, reason: string])[] = [
  [/^node_softnet_(backlog_len|cpu_collision_total|flow_limit_count_total|received_rps_total)$/, 'since 1.6'],
  [/^node_netstat_(TcpExt_(TCPOFOQueue|TCPRcvQDrop)|Tcp_MaxConn)$/, 'dashboards want them; a setting there'],
  [/^node_(processes|tcp)_/, 'a setting there'],
  [/^node_pressure_irq_/, 'since 1.8'],
];

/** Families that only node_exporter has, and why. */
const THEIRS_ONLY: readonly (readonly [family: RegExp, reason: string])[] = [
  [/^node_timex_/, 'from adjtimex(2), which Node.js cannot call and no file tells'],
  [/^node_time_zone_offset_seconds$/, 'the time zone of a host is a fact for its inventory'],
  [/^node_disk_(info|device_mapper_info|filesystem_info)$/, 'facts for the inventory'],
  [/^node_exporter_build_info$/, 'rollcall_agent_info is ours'],
  [/^node_textfile_scrape_error$/, 'we do not read text files of metrics yet'],
  [
    /^node_(rapl|dmi|nfs|nfsd|xfs|ipvs|infiniband|fibrechannel|bcache|btrfs|zfs_(?!arc_)|tape)_/,
    'not read yet',
  ],
];

function isOnly(list: readonly (readonly [RegExp, string])[], name: string): boolean {
  return list.some(([family]) => family.test(name));
}

/** The kernel says -1 for an unknown speed, which node_exporter prints as -125000 and we leave out. */
function isUnknownSpeed(series: string, value: number): boolean {
  return nameOf(series) === 'node_network_speed_bytes' && value < 0;
}

/** Runs `use` with a function that scrapes a fresh node_exporter. */
async function withExporter<T>(
  flags: readonly string[],
  use: (scrape: () => Promise<Map<string, number>>) => Promise<T>,
): Promise<T> {
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(PROGRAM, [`--web.listen-address=${address}`, ...flags], { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const scrape = async (): Promise<Map<string, number>> => {
    const response = await fetch(`http://${address}/metrics`);
    return parseText((await response.text()).split('\n'));
  };
  try {
    await untilReady(scrape);
    return await use(scrape);
  } finally {
    child.kill();
    await exited;
  }
}

async function untilReady(scrape: () => Promise<unknown>): Promise<void> {
  const giveUpMs = systemClock.monoMs() + START_MS_MAX;
  for (;;) {
    try {
      await scrape();
      return;
    } catch (error) {
      if (systemClock.monoMs() > giveUpMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

/**
 * Series to value. Labels are in the order of their names on both sides. node_exporter multiplies milliseconds by 0.001,
 * which spoils the last bit; hence 15 digits.
 */
function parseText(lines: readonly string[]): Map<string, number> {
  const series = new Map<string, number>();
  for (const line of lines) {
    const match = /^([^#].*) ([^ ]+)$/.exec(line);
    if (match === null) continue;
    // A label without a value is the same as none.
    const name = (match[1] ?? '').replaceAll(/[a-z_]+="",?/g, '').replace(/,\}$/, '}');
    series.set(name, Number(Number(match[2]).toPrecision(DIGITS)));
  }
  return series;
}

function nameOf(series: string): string {
  return series.replace(/\{.*$/s, '');
}

/** Only the series of families that our catalogue has and `keep` wants. */
function only(series: ReadonlyMap<string, number>, keep: (name: string) => boolean): Map<string, number> {
  return new Map([...series].filter(([key]) => isMetricName(nameOf(key)) && keep(nameOf(key))));
}

describe.skipIf(isSkipped)('node_exporter', () => {
  it('is installed', () => {
    expect(isMissing).toBe(false);
  });

  it.each([
    ['cpu/01-two-processors', 'cpu', /^node_cpu_/],
    ['cpu/05-old-kernel', 'cpu', /^node_cpu_/],
    // Not cpu/06-third-processor-gone: node_exporter makes up zeros for the processor that is not there.
    ['memory/01-linux-6', 'meminfo', /^node_memory_/],
    ['memory/02-linux-3', 'meminfo', /^node_memory_/],
    ['load/01-idle', 'loadavg', /^node_load/],
    ['load/02-very-high', 'loadavg', /^node_load/],
    ['disk/01-linux-6', 'diskstats', /^node_disk_/],
    ['disk/02-linux-4.4', 'diskstats', /^node_disk_/],
    ['disk/03-linux-4.18', 'diskstats', /^node_disk_/],
    ['stat/01-linux-6', 'stat', /^node_/],
    ['network/01-virtual-machine', 'netdev', /^node_network_(receive|transmit)_(?!nohandler)/],
    ['network/02-no-sysfs', 'netdev', /^node_network_(receive|transmit)_(?!nohandler)/],
    ['vmstat/01-linux-6', 'vmstat', /^node_vmstat_/],
    ['vmstat/02-linux-4.4', 'vmstat', /^node_vmstat_/],
    ['pressure/01-linux-6', 'pressure', /^node_pressure_/],
    ['filefd/01-virtual-machine', 'filefd', /^node_filefd_/],
    ['filefd/02-no-limit', 'filefd', /^node_filefd_/],
    ['entropy/01-linux-6', 'entropy', /^node_entropy_/],
    ['netstat/01-linux-6', 'netstat', /^node_netstat_/],
    ['netstat/02-linux-2.6-no-ipv6', 'netstat', /^node_netstat_/],
    ['sockstat/01-linux-6', 'sockstat', /^node_sockstat_/],
    ['softnet/01-linux-6', 'softnet', /^node_softnet_/],
    ['softnet/02-linux-2.6', 'softnet', /^node_softnet_/],
    ['softnet/04-counter-about-to-wrap', 'softnet', /^node_softnet_/],
    ['conntrack/01-two-processors', 'conntrack', /^node_nf_conntrack_/],
    ['conntrack/02-counter-about-to-wrap', 'conntrack', /^node_nf_conntrack_/],
    ['arp/01-two-devices', 'arp', /^node_arp_/],
    ['udp/01-both', 'udp_queues', /^node_udp_/],
    ['schedstat/01-version-15', 'schedstat', /^node_schedstat_/],
    ['cpufreq/01-two-cores', 'cpufreq', /^node_cpu_(scaling_)?frequency/],
    ['thermal/01-laptop', 'thermal_zone', /^node_(thermal|cooling)_/],
    ['hwmon/01-desktop', 'hwmon', /^node_hwmon_/],
    ['hwmon/02-old-driver', 'hwmon', /^node_hwmon_/],
    ['power/01-laptop', 'powersupplyclass', /^node_power_supply_/],
    ['raid/01-many-arrays', 'mdadm', /^node_md_/],
    ['bonding/01-three-bonds', 'bonding', /^node_bonding_/],
    ['btrfs/01-two-file-systems', 'btrfs', /^node_btrfs_/],
    ['edac/01-server', 'edac', /^node_edac_/],
    ['nvme/01-one', 'nvme', /^node_nvme_/],
    ['zfs/01-one-pool', 'zfs', /^node_zfs_arc_/],
    ['clocksource/01-virtual-machine', 'time', /^node_time_clocksource/],
  ])('prints the same for the fixture %s', async (fixture, collector, family) => {
    const folder = join(SAMPLERS_FOLDER, fixture.replace('/', '/testdata/'));
    const flags = [
      '--collector.disable-defaults',
      `--collector.${collector}`,
      `--path.procfs=${join(folder, 'proc')}`,
      // It does not start when the folder is not there.
      ...(existsSync(join(folder, 'sys')) ? [`--path.sysfs=${join(folder, 'sys')}`] : []),
      '--no-collector.netdev.netlink',
      ...UPSTREAM_DEFAULTS,
    ];
    const theirs = await withExporter(flags, (scrape) => scrape());
    const ours = parseText(readFileSync(join(folder, 'expected.txt'), 'utf8').split('\n'));
    const isCompared = (name: string): boolean => family.test(name) && !/^node_(scrape|exporter)/.test(name);
    const expected = only(theirs, isCompared);
    expect(expected.size).toBeGreaterThan(0);
    expect(only(ours, (name) => isCompared(name) && !isOnly(OURS_ONLY, name))).toEqual(expected);
  });

  it('prints the same series and values on this machine', async () => {
    using host = new LocalHost(MACHINE_ROOTS);
    const samplers = createSamplers('linux', {
      clock: systemClock,
      agent: { version: '0', arch: process.arch, os: 'linux' },
      mountTimeoutMs: 2_000,
    });
    const readOurs = async (): Promise<Map<string, number>> => {
      const lines: string[] = [];
      for (const sampler of samplers) lines.push(...(await readLines(sampler, host)));
      return parseText(lines);
    };
    await withExporter(UPSTREAM_DEFAULTS, async (scrape) => {
      const before = await readOurs();
      const theirs = await scrape();
      const after = await readOurs();
      const isCompared = (name: string): boolean => /^node_(?!scrape_)/.test(name);
      const expected = new Map(
        [...theirs].filter(([key, value]) => isCompared(nameOf(key)) && !isUnknownSpeed(key, value)),
      );
      const missing = [...expected.keys()].filter(
        (key) => !before.has(key) && !isOnly(THEIRS_ONLY, nameOf(key)),
      );
      const extra = [...before.keys()].filter(
        (key) => isCompared(nameOf(key)) && !theirs.has(key) && !isOnly(OURS_ONLY, nameOf(key)),
      );
      expect({ missing, extra }).toEqual({ missing: [], extra: [] });
      const wrong = [...expected].filter(
        ([key, value]) =>
          before.has(key) &&
          !isBetween(key, before.get(key) ?? Number.NaN, value, after.get(key) ?? Number.NaN),
      );
      expect(wrong).toEqual([]);
      expect(expected.size).toBeGreaterThan(100);
    });
  });
});

/** A counter lies between our two readings; a gauge may swing by a fiftieth, or by what one program allocates. */
function isBetween(series: string, before: number, theirs: number, after: number): boolean {
  const name = nameOf(series);
  if (!isMetricName(name)) return false;
  const { type, unit } = metricDefinition(name);
  if (type === 'counter') return before <= theirs && theirs <= after;
  const swing = { bytes: 64 * 1024 * 1024, count: 100, seconds: 2 }[unit] ?? 0;
  const low = Math.min(before, after);
  const high = Math.max(before, after);
  return theirs >= low - swing - low / 50 && theirs <= high + swing + high / 50;
}
