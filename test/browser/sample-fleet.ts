/**
 * Hosts, incidents, inventories and availability for the tests of the page: plausible ones, and hostile ones. Long, because
 * it is all the data of one made-up fleet.
 */
import type {
  Availability,
  AvailabilityAnswer,
  AvailabilityFigures,
  AvailabilitySpan,
  FleetAvailabilityAnswer,
  HostAvailability,
  HostDetail,
  HostState,
  HostSummary,
  Incident,
  IncidentDelivery,
  IncidentDetail,
  InventorySection,
} from '../../collector/src/api/types.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const GIB = 1024 ** 3;

const ROLES = ['web', 'db', 'cache', 'build', 'mail', 'edge', 'ws-sales', 'ws-lab'] as const;
const SYSTEMS = [
  { platform: 'linux', name: 'Debian GNU/Linux 12 (bookworm)', kernel: '6.1.0-28-amd64', arch: 'x64' },
  { platform: 'linux', name: 'Ubuntu 24.04.1 LTS', kernel: '6.8.0-49-generic', arch: 'x64' },
  { platform: 'win32', name: 'Windows Server 2022 Standard', kernel: '10.0.20348', arch: 'x64' },
  { platform: 'darwin', name: 'macOS 15.2', kernel: '24.2.0', arch: 'arm64' },
] as const;

/** `count` hosts, the same for the same `nowMs`; about one in twelve is in trouble. */
export function sampleHosts(count: number, nowMs: number): readonly HostSummary[] {
  return Array.from({ length: count }, (_host, index) => sampleHost(index, nowMs));
}

/** The host with this number. */
export function sampleHost(index: number, nowMs: number): HostSummary {
  const state = stateOf(index);
  const isReporting = state === 'up' || state === 'suspect';
  const seenMs = isReporting
    ? nowMs - 1000 * (1 + wave(index, 9))
    : nowMs - 3 * HOUR_MS - wave(index, DAY_MS);
  return {
    id: (index + 1).toString(16).padStart(32, '0'),
    name: `${ROLES[index % ROLES.length] ?? 'host'}-${Math.floor(index / ROLES.length) + 1}`,
    state,
    stateSinceMs:
      state === 'up'
        ? nowMs - 9 * DAY_MS - wave(index, DAY_MS)
        : nowMs - 12 * MINUTE_MS - wave(index, HOUR_MS),
    lastSeenMs: state === 'unknown' ? null : seenMs,
    enrolledMs: nowMs - 90 * DAY_MS,
    os: state === 'unknown' ? null : (SYSTEMS[index % SYSTEMS.length] ?? SYSTEMS[0]),
    agentVersion: state === 'unknown' ? null : '0.1.0',
    vitals: state === 'unknown' ? null : sampleVitals(index, seenMs),
    openIncidentCount: state === 'down' ? 2 : index % 17 === 3 ? 1 : 0,
    keyConflictMs: state === 'down' ? nowMs - HOUR_MS : null,
    revokedMs: null,
  };
}

function sampleVitals(index: number, timeMs: number): NonNullable<HostSummary['vitals']> {
  return {
    timeMs,
    cpuBusyRatio: wave(index * 3 + 1, 100) / 100,
    cpuCount: 2 ** (1 + (index % 5)),
    memoryUsedRatio: (25 + wave(index * 5, 70)) / 100,
    memoryTotalBytes: 2 ** (2 + (index % 6)) * GIB * 0.97,
    load1: wave(index * 11, 900) / 100,
    fullestFilesystem: {
      mountpoint: ['/', '/var', '/srv/data', 'C:'][index % 4] ?? '/',
      usedRatio: (10 + wave(index * 7, 88)) / 100,
      sizeBytes: 2 ** (5 + (index % 6)) * GIB,
    },
    receiveBytesPerSecond: 1.7 ** wave(index * 13, 34),
    transmitBytesPerSecond: 1.6 ** wave(index * 17, 34),
    bootedMs: timeMs - (1 + wave(index, 200)) * DAY_MS - wave(index, DAY_MS),
  };
}

/** The detail of a host of the list. */
export function sampleDetail(host: HostSummary): HostDetail {
  return {
    ...host,
    machineId: '0f1e2d3c4b5a69788796a5b4c3d2e1f0',
    bootId: '3f0c1c1e-6f7b-4ec9-9f0c-2b6a5d1e0f11',
    lostSamples: host.openIncidentCount > 1 ? { spool_full: 1204, clock_jump: 3 } : {},
    config: null,
    inventorySections: sampleInventory(0).map((section) => section.name),
  };
}

/**
 * How a host was: not on record, then down for a hundredth of the span, cut off for a fiftieth, planned work for
 * another; the first host was up all the time. The reason of the planned work is the name of the host.
 */
export function sampleAvailability(
  host: HostSummary,
  past: { readonly fromMs: number; readonly toMs: number },
): AvailabilityAnswer {
  const at = (share: number): number => past.fromMs + Math.round((past.toMs - past.fromMs) * share);
  const isGood = host.id.endsWith('01');
  const story = (cutOff: AvailabilitySpan['state'], reason: string): Availability => {
    const spans: readonly AvailabilitySpan[] = isGood
      ? [{ fromMs: at(0), toMs: at(1), state: 'up', reason: 'welcomed' }]
      : [
          { fromMs: at(0), toMs: at(0.2), state: 'unknown', reason: 'no record' },
          { fromMs: at(0.2), toMs: at(0.5), state: 'up', reason: 'welcomed' },
          { fromMs: at(0.5), toMs: at(0.501), state: 'suspect', reason: 'disconnected' },
          { fromMs: at(0.501), toMs: at(0.51), state: 'down', reason: 'grace_over' },
          { fromMs: at(0.51), toMs: at(0.6), state: 'up', reason: 'welcomed' },
          { fromMs: at(0.6), toMs: at(0.62), state: cutOff, reason },
          { fromMs: at(0.62), toMs: at(0.8), state: 'up', reason: 'welcomed' },
          { fromMs: at(0.8), toMs: at(0.82), state: 'planned', reason: host.name },
          { fromMs: at(0.82), toMs: at(1), state: 'up', reason: 'welcomed' },
        ];
    return { ...sampleFigures(spans), spans, omittedSpans: 0 };
  };
  return { hostId: host.id, ...past, seen: story('down', 'silent'), corrected: story('up', 'records') };
}

/** All of them, in their order; the third has no figures. */
export function sampleFleetAvailability(
  hosts: readonly HostSummary[],
  past: { readonly fromMs: number; readonly toMs: number },
  limit: number,
): FleetAvailabilityAnswer {
  const all = hosts.map((host, index): HostAvailability => {
    const named = { hostId: host.id, name: host.name };
    if (index === 2)
      return { ...named, kind: 'failed', error: { code: 'LIMIT_EXCEEDED', message: 'came and went' } };
    const { seen, corrected } = sampleAvailability(host, past);
    return {
      ...named,
      kind: 'known',
      seen: sampleFigures(seen.spans),
      corrected: sampleFigures(corrected.spans),
    };
  });
  const total = sampleFigures([{ ...past, state: 'up', reason: 'welcomed' }]);
  return {
    ...past,
    hosts: all.slice(0, limit),
    omittedHosts: Math.max(0, all.length - limit),
    failedHosts: all.filter(({ kind }) => kind === 'failed').length,
    total: { seen: total, corrected: total },
  };
}

function sampleFigures(spans: readonly AvailabilitySpan[]): AvailabilityFigures {
  const lasted = (...states: readonly HostState[]): number =>
    spans.reduce((sum, { state, fromMs, toMs }) => sum + (states.includes(state) ? toMs - fromMs : 0), 0);
  const [upMs, downMs] = [lasted('up'), lasted('down', 'suspect')];
  return {
    upMs,
    downMs,
    plannedMs: lasted('planned'),
    unknownMs: lasted('unknown'),
    availableRatio: upMs / (upMs + downMs),
  };
}

/** Sections the page knows and two that it does not. */
export function sampleInventory(nowMs: number): readonly InventorySection[] {
  const section = (name: string, content: InventorySection['content']): InventorySection => ({
    name,
    hash: 'ab'.repeat(32),
    receivedMs: nowMs - 5 * HOUR_MS,
    content,
  });
  const module = (slot: number) => ({
    slot: `DIMM_A${slot}`,
    sizeBytes: 16 * GIB,
    type: 'DDR5',
    speedMhz: 4800,
    manufacturer: 'Micron Technology',
    partNumber: 'MTC10C1084S1EC48BA1',
    serialNumber: `3E1F${slot}07A`,
  });
  return [
    section('system', {
      manufacturer: 'Dell Inc.',
      model: 'PowerEdge R650',
      serialNumber: 'GX3R8Z2',
      uuid: '4c4c4544-0058-3310-8052-c7c04f385a32',
      isVirtual: false,
    }),
    section('bios', { vendor: 'Dell Inc.', version: '1.14.1', releaseDate: '2024-03-21' }),
    section('board', {
      manufacturer: 'Dell Inc.',
      model: '0PYX1F',
      version: 'A02',
      serialNumber: '.GX3R8Z2.CNIVC0025N0417.',
    }),
    section('cpu', {
      model: 'Intel Xeon Gold 6330 @ 2.00GHz',
      sockets: 2,
      cores: 56,
      threads: 112,
      speedMaxMhz: 3100,
      flags: ['avx2', 'avx512f', 'aes', 'vmx'],
    }),
    section('memory', { totalBytes: 64 * GIB, swapBytes: 8 * GIB, isEcc: true }),
    section('memoryModules', { modules: [module(1), module(2), module(3), module(4)] }),
    section('disks', {
      disks: [
        {
          name: 'nvme0n1',
          model: 'Samsung PM9A3',
          sizeBytes: 1_920_383_410_176,
          interface: 'NVMe',
          serialNumber: 'S64GNE0R500123',
          isRotational: false,
        },
        {
          name: 'sda',
          model: 'TOSHIBA MG08ACA16TE',
          sizeBytes: 16_000_900_661_248,
          interface: 'SAS',
          serialNumber: '71A0A0PZFVGG',
          isRotational: true,
        },
      ],
    }),
    section('nics', {
      interfaces: [
        {
          name: 'eno1',
          mac: '2c:ea:7f:aa:bb:cc',
          addresses: ['10.20.0.17', 'fe80::2eea:7fff:feaa:bbcc'],
          speedMbps: 25_000,
          driver: 'bnxt_en',
        },
        { name: 'eno2', mac: '2c:ea:7f:aa:bb:cd', addresses: [], speedMbps: null, driver: 'bnxt_en' },
      ],
    }),
    section('os', {
      name: 'Debian GNU/Linux 12 (bookworm)',
      kernel: '6.1.0-28-amd64',
      arch: 'x64',
      timezone: 'Europe/Berlin',
      installedMs: nowMs - 400 * DAY_MS,
    }),
    section('packages', {
      packages: Array.from({ length: 45 }, (_one, index) => ({
        name: `lib-example-${index}`,
        version: `1.${index}.0-2+deb12u1`,
        arch: 'amd64',
      })),
    }),
    section('raidControllers', {
      controllers: [{ model: 'PERC H755', firmware: '52.26.0-5179', cacheBytes: 8 * GIB }],
    }),
    section('rackLocation', {
      site: 'FRA-2',
      rack: 'B12',
      unit: 31,
      contact: { team: 'platform', phone: '+49 69 0000000' },
    }),
  ];
}

/** Open incidents for the hosts in trouble, with every state of delivery, and `resolvedCount` resolved ones. */
export function sampleIncidents(
  hosts: readonly HostSummary[],
  resolvedCount: number,
  nowMs: number,
): readonly Incident[] {
  const troubled = hosts.filter((host) => host.openIncidentCount > 0).slice(0, 6);
  const open = troubled.map((host, index) => sampleIncident({ host, index, nowMs, resolvedMs: null }));
  const resolved = Array.from({ length: hosts.length === 0 ? 0 : resolvedCount }, (_one, index) => {
    const host = hosts[index % hosts.length];
    const resolvedMs = nowMs - (index + 1) * 3 * HOUR_MS;
    return host === undefined ? [] : [sampleIncident({ host, index: index + 10, nowMs, resolvedMs })];
  }).flat();
  return [...open, ...resolved];
}

function sampleIncident(parts: {
  readonly host: HostSummary;
  readonly index: number;
  readonly nowMs: number;
  readonly resolvedMs: number | null;
}): Incident {
  const { host, index, nowMs, resolvedMs } = parts;
  const isUptime = host.state === 'down';
  return {
    id: `i-01JDEXAMPLE${String(index).padStart(12, '0')}`,
    rule: isUptime ? 'HostDown' : 'FilesystemFillingUp',
    kind: isUptime ? 'uptime' : 'capacity',
    severity: (['page', 'ticket', 'capacity', 'info'] as const)[isUptime ? 0 : 1 + (index % 3)] ?? 'info',
    status: resolvedMs === null ? 'open' : 'resolved',
    isHeld: isUptime && index % 2 === 1,
    hostId: host.id,
    hostName: host.name,
    title: isUptime ? `${host.name} does not report` : `/var on ${host.name} will be full in 31 hours`,
    description: isUptime
      ? 'No data for 3 minutes on the agent connection. The collector itself and its network are well: other hosts report.'
      : 'At the rate of the last six hours the file system runs out of space. Look for logs that are not rotated.',
    labels: { instance: host.name, severity: isUptime ? 'page' : 'ticket' },
    value: isUptime ? 0 : 0.913,
    threshold: isUptime ? null : 0.9,
    openedMs: (resolvedMs ?? nowMs) - (index + 1) * 23 * MINUTE_MS,
    resolvedMs,
    endReason: resolvedMs === null ? null : 'cleared',
    acknowledgement: null,
    deliveries: sampleDeliveries(index, nowMs),
  };
}

/** The page of an incident of the list: with evidence, and with what happened to it. */
export function sampleIncidentDetail(incident: Incident): IncidentDetail {
  const { openedMs, hostName } = incident;
  return {
    ...incident,
    previous: 'i-01JDEXAMPLE000000000099',
    escalation: { policy: 'servers', step: 2, dueMs: openedMs + HOUR_MS },
    evidence: {
      takenMs: openedMs,
      history: {
        expression: `1 - node_filesystem_avail_bytes{instance="${hostName}"} / node_filesystem_size_bytes`,
        startMs: openedMs - HOUR_MS,
        stepMs: MINUTE_MS,
        values: Array.from({ length: 61 }, (_value, index) => (index % 20 === 7 ? null : 0.8 + index / 500)),
      },
      changes: [
        {
          atMs: openedMs - 2 * HOUR_MS,
          section: 'packages',
          kind: 'changed',
          what: 'postgresql-16',
          before: '16.3',
          after: '16.4',
        },
      ],
      processes: {
        atMs: openedMs - MINUTE_MS / 2,
        spanMs: MINUTE_MS,
        programs: [
          {
            name: 'postgres',
            count: 64,
            pid: 812,
            cpus: 3.25,
            memoryBytes: 4.1 * 1024 ** 3,
            readBytesPerSecond: 12 * 1024 ** 2,
            writtenBytesPerSecond: 0,
          },
          {
            name: 'backup',
            count: 1,
            pid: 20_817,
            cpus: 0.5,
            memoryBytes: null,
            readBytesPerSecond: null,
            writtenBytesPerSecond: null,
          },
        ],
      },
    },
    timeline: [
      { kind: 'transition', atMs: openedMs, transition: 'fired', person: null, note: null },
      {
        kind: 'notification',
        atMs: openedMs,
        receiver: 'pager',
        transition: 'fired',
        status: 'dead',
        reason: 'POST https://events.pager.example/v2/enqueue: 503 Service Unavailable',
        attempts: [
          {
            number: 1,
            atMs: openedMs + 300,
            latencyMs: 120,
            outcome: 'retry',
            status: 503,
            error: 'Service Unavailable',
          },
        ],
      },
      {
        kind: 'transition',
        atMs: openedMs + MINUTE_MS,
        transition: 'commented',
        person: 'token:ops',
        note: 'looks like the log rotation\nhas stopped',
      },
    ],
  };
}

function sampleDeliveries(index: number, nowMs: number): readonly IncidentDelivery[] {
  const delivered = {
    receiver: 'on-call e-mail',
    transition: 'fired',
    status: 'delivered',
    attempts: 1,
    lastAttemptMs: nowMs - 9 * MINUTE_MS,
    lastError: null,
  } as const;
  const all: readonly (readonly IncidentDelivery[])[] = [
    [
      delivered,
      {
        receiver: 'pager',
        transition: 'fired',
        status: 'waiting',
        attempts: 3,
        lastAttemptMs: nowMs - 40_000,
        lastError: 'POST https://events.pager.example/v2/enqueue: 503 Service Unavailable',
      },
    ],
    [delivered],
    [
      {
        receiver: 'team chat',
        transition: 'fired',
        status: 'dead',
        attempts: 12,
        lastAttemptMs: nowMs - HOUR_MS,
        lastError: 'resolve chat.example: no such host',
      },
    ],
    [{ ...delivered, status: 'suppressed', attempts: 0, lastAttemptMs: null }],
    [],
  ];
  return all[index % all.length] ?? [];
}

function stateOf(index: number): HostState {
  if (index % 29 === 5) return 'down';
  if (index % 41 === 7) return 'suspect';
  if (index % 97 === 13) return 'unknown';
  return index % 37 === 11 ? 'planned' : 'up';
}

// A spread of whole numbers below `limit` that is the same in every run.
function wave(seed: number, limit: number): number {
  return Math.floor(Math.abs(Math.sin(seed * 12.9898 + 78.233) * 43758.5453) % limit);
}

/** Strings that have broken pages before; each must come out as the text that it is. */
export const HOSTILE_TEXTS: readonly string[] = [
  '<img src=x onerror="document.title=\'owned\'">',
  '<script>document.title="owned"</script>',
  '"><svg/onload=document.title=`owned`>',
  "javascript:document.title='owned'",
  '"} or up{instance="x',
  'back\\slash "quote" \'single\' `tick`\nnew line',
  '\u202Egnp.exe\u202C \u05E9\u05DC\u05D5\u05DD',
  '{{constructor.constructor("document.title=1")()}} ${7*7} %3Cb%3E &lt;b&gt;',
  '__proto__',
  'long-'.repeat(13_108),
];
