/**
 * The rules of the tidy test as data. STYLE.md and docs/architecture.md say why; when one of them and this file disagree,
 * fix one of them in the same change. Long, because every room has its line.
 */

/** A folder or file, from the root; a file belongs to the longest entry that it lies in. */
type Place = string;

/** All of shared but what is for tests. */
const SHARED = [
  'shared/src/lib',
  'shared/src/catalogue',
  'shared/src/inventory',
  'shared/src/protocol',
] as const;
/** Nouns of the collector that hold no feature, so that everybody may speak of them. */
const API_TYPES = 'collector/src/api/types.ts';
const LABELS = 'collector/src/storage/labels.ts';
const MATCHER = 'collector/src/storage/matcher.ts';
const MOMENT_BATCH = 'collector/src/storage/moment-batch.ts';
const STORAGE_SEAM = 'collector/src/storage/storage.ts';
const NOUNS = [...SHARED, API_TYPES, LABELS, MATCHER, MOMENT_BATCH] as const;
/** The shapes of the settings of stores, as those of a receiver live with the receiver. */
const STORE_CONFIG = 'collector/src/storage/store-config.ts';
/** Stores that are written from the journal. */
const SINK_SEAM = 'collector/src/storage/sink.ts';
const SLICE_SEAM = 'collector/src/storage/slice.ts';
const SINK_SEAMS = [STORE_CONFIG, SINK_SEAM, SLICE_SEAM] as const;

/** How the address of a collector is read: config, enrolment and link speak of it. */
const ENDPOINT = 'agent/src/link/endpoint.ts';

const AGENT = [
  ENDPOINT,
  'agent/src/config',
  'agent/src/enroll',
  'agent/src/host',
  'agent/src/inventory',
  'agent/src/link',
  'agent/src/samplers',
  'agent/src/scheduler',
  'agent/src/self',
  'agent/src/service',
  'agent/src/spool',
] as const;
const COLLECTOR = [
  'collector/src/alerting',
  'collector/src/api',
  'collector/src/checks',
  'collector/src/config',
  'collector/src/feed',
  'collector/src/fleet',
  'collector/src/gateway',
  'collector/src/journal',
  'collector/src/query',
  'collector/src/readers',
  'collector/src/reports',
  'collector/src/self',
  'collector/src/state',
  'collector/src/storage',
  'collector/src/transfer',
  STORAGE_SEAM,
] as const;
/** Concrete adapters of the store: named by assembly and open.ts alone. */
const ADAPTERS = [
  'collector/src/storage/memory',
  'collector/src/storage/embedded',
  'collector/src/storage/prometheus',
  'collector/src/storage/influx-v1',
  'collector/src/storage/influx-v2',
] as const;
/** The messages of remote write and read, which the API, its answers and an adapter speak. */
const REMOTE_PROTOCOL = 'collector/src/storage/remote-protocol';

/** What each place may import, besides itself. Section 5 of docs/architecture.md, in its order. */
export const ARROWS: Readonly<Record<Place, readonly Place[]>> = {
  'shared/src/lib': [],
  'shared/src/catalogue': ['shared/src/lib'],
  'shared/src/inventory': ['shared/src/lib'],
  'shared/src/protocol': ['shared/src/lib'],

  'agent/bin': ['agent/src/main.ts'],
  'agent/src/main.ts': [...SHARED, ...AGENT, 'agent/src/app.ts', 'agent/src/cli'],
  'agent/src/cli': [...SHARED, ...AGENT, 'agent/src/app.ts'],
  'agent/src/app.ts': [...SHARED, ...AGENT],
  'agent/src/config': [...SHARED, ENDPOINT],
  'agent/src/enroll': [...SHARED, ENDPOINT, 'agent/src/link', 'agent/src/host', 'agent/src/self'],
  'agent/src/host': SHARED,
  'agent/src/inventory': [...SHARED, 'agent/src/host', 'agent/src/self'],
  'agent/src/link': [...SHARED, ENDPOINT, 'agent/src/spool'],
  [ENDPOINT]: SHARED,
  'agent/src/samplers': [...SHARED, 'agent/src/host'],
  'agent/src/scheduler': [...SHARED, 'agent/src/samplers', 'agent/src/host', 'agent/src/spool'],
  'agent/src/self': [
    ...SHARED,
    'agent/src/samplers',
    'agent/src/scheduler',
    'agent/src/host',
    'agent/src/inventory',
    'agent/src/link',
  ],
  'agent/src/service': SHARED,
  'agent/src/spool': SHARED,

  'collector/bin': ['collector/src/main.ts'],
  'collector/src/main.ts': ['collector/src/cli', ...SHARED],
  'collector/src/cli': [
    ...NOUNS,
    ...COLLECTOR,
    'collector/src/app.ts',
    'collector/src/storage/open.ts',
    'collector/src/storage/prepare-store.ts',
    'collector/src/storage/open-reader.ts',
    // Backup and repair work on the files of this one store.
    'collector/src/storage/embedded',
  ],
  'collector/src/app.ts': [...NOUNS, ...COLLECTOR, 'collector/src/assembly'],
  // Puts the rooms together, so it may import all of them; nobody but app.ts imports it.
  'collector/src/assembly': [
    ...NOUNS,
    ...COLLECTOR,
    ...ADAPTERS,
    'collector/src/storage/open.ts',
    'collector/src/storage/open-reader.ts',
    STORE_CONFIG,
  ],
  'collector/src/alerting': [...NOUNS, 'collector/src/query', 'collector/src/state'],
  'collector/src/api': [
    ...NOUNS,
    STORAGE_SEAM,
    REMOTE_PROTOCOL,
    'collector/src/alerting',
    'collector/src/checks',
    'collector/src/fleet',
    'collector/src/query',
    'collector/src/reports',
    'collector/src/state',
  ],
  [API_TYPES]: SHARED,
  'collector/src/checks': [...NOUNS, 'collector/src/state'],
  // The schema of a receiver's settings lives with the receiver.
  'collector/src/config': [...SHARED, 'collector/src/alerting', STORE_CONFIG],
  'collector/src/feed': [...NOUNS, ...SINK_SEAMS, 'collector/src/journal', 'collector/src/state'],
  // A thread is put together from the same parts as the collector.
  'collector/src/feed/thread.ts': [
    ...NOUNS,
    ...SINK_SEAMS,
    'collector/src/feed',
    'collector/src/journal',
    'collector/src/state',
    'collector/src/storage/open-sink.ts',
  ],
  'collector/src/fleet': [...NOUNS, STORAGE_SEAM, 'collector/src/journal', 'collector/src/state'],
  'collector/src/gateway': [...NOUNS, 'collector/src/fleet', 'collector/src/journal'],
  'collector/src/journal': [...SHARED, 'collector/src/state'],
  'collector/src/query': [...NOUNS, STORAGE_SEAM, REMOTE_PROTOCOL, 'collector/src/storage'],
  'collector/src/readers': [
    ...NOUNS,
    STORAGE_SEAM,
    'collector/src/query',
    // What a thread is told of another store.
    'collector/src/storage/open-reader.ts',
  ],
  // A thread is put together from the same parts as the collector.
  'collector/src/readers/thread.ts': [
    ...NOUNS,
    STORAGE_SEAM,
    'collector/src/readers',
    'collector/src/query',
    'collector/src/journal',
    'collector/src/storage/open.ts',
    'collector/src/storage/open-reader.ts',
  ],
  'collector/src/reports': [...NOUNS, 'collector/src/query', 'collector/src/state'],
  // Shows the figures that the others count.
  'collector/src/self': [
    ...NOUNS,
    'collector/src/alerting',
    'collector/src/gateway',
    'collector/src/journal',
  ],
  'collector/src/state': SHARED,
  'collector/src/storage': [...NOUNS, STORAGE_SEAM, ...SINK_SEAMS, 'collector/src/journal'],
  'collector/src/transfer': [...NOUNS, STORAGE_SEAM],
  'collector/src/storage/open.ts': [...NOUNS, STORAGE_SEAM, ...ADAPTERS, 'collector/src/storage'],
  'collector/src/storage/open-reader.ts': [
    ...NOUNS,
    STORAGE_SEAM,
    ...SINK_SEAMS,
    ...ADAPTERS,
    'collector/src/storage',
  ],
  'collector/src/storage/open-sink.ts': [...NOUNS, ...SINK_SEAMS, ...ADAPTERS, 'collector/src/storage'],
  'collector/src/storage/prepare-store.ts': [
    ...NOUNS,
    ...SINK_SEAMS,
    'collector/src/storage/influx-v1',
    'collector/src/storage/influx-v2',
    'collector/src/storage',
  ],
  [REMOTE_PROTOCOL]: [...NOUNS, STORAGE_SEAM],
  'collector/src/storage/prometheus': [
    ...NOUNS,
    STORAGE_SEAM,
    ...SINK_SEAMS,
    'collector/src/storage',
    REMOTE_PROTOCOL,
  ],
  'collector/src/storage/influx-v1': [...NOUNS, STORAGE_SEAM, ...SINK_SEAMS, 'collector/src/storage'],
  'collector/src/storage/influx-v2': [...NOUNS, STORAGE_SEAM, ...SINK_SEAMS, 'collector/src/storage'],
  'collector/src/storage/memory': [...NOUNS, STORAGE_SEAM, 'collector/src/storage'],
  'collector/src/storage/embedded': [
    ...NOUNS,
    STORAGE_SEAM,
    ...SINK_SEAMS,
    'collector/src/storage',
    'collector/src/journal',
  ],
  [STORAGE_SEAM]: [LABELS, MATCHER, MOMENT_BATCH, ...SHARED],
  [STORE_CONFIG]: SHARED,
  [SINK_SEAM]: [LABELS, ...SHARED],
  [SLICE_SEAM]: [SINK_SEAM],
  [LABELS]: SHARED,
  [MATCHER]: [LABELS, ...SHARED],
  [MOMENT_BATCH]: [LABELS],

  'web/src': [API_TYPES],
  dashboards: SHARED,
};

/** Places that may be imported with `import type` only: shapes, not programs. */
export const TYPES_ONLY: ReadonlySet<Place> = new Set([API_TYPES, STORAGE_SEAM]);

/** Something that product code does in few places only, so that tests can put a fake in its stead. */
export interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  /** A line that the pattern must find; keeps the pattern honest. */
  readonly example: string;
  /** What to do instead. */
  readonly instead: string;
  readonly allowedIn: readonly Place[];
}

/** Where the parts are put together, and the real clock, randomness and files come in. */
const WIRING = [
  'agent/src/main.ts',
  'agent/src/app.ts',
  'agent/src/cli',
  'collector/src/main.ts',
  'collector/src/app.ts',
  'collector/src/cli',
] as const;
const CLOCKS = ['shared/src/lib/clock.ts', 'web/src/clock.ts'] as const;

/** A run-time import of one of `modules`; importing types alone does no harm. */
function importing(modules: string): RegExp {
  return new RegExp(`^import (?!type )(?!\\{ type \\w+ \\} )[^;]*?from '(?:${modules})'`, 'gm');
}

export const BANS: readonly Ban[] = [
  {
    what: 'reading the clock',
    pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bhrtime\b/g,
    example: 'const now = new Date();',
    instead: 'take a Clock (shared/src/lib/clock.ts) through the constructor',
    allowedIn: CLOCKS,
  },
  {
    what: 'a timer',
    pattern: /\bset(?:Timeout|Interval)\s*\(|'node:timers(?:\/promises)?'/g,
    example: 'setTimeout(send, 10);',
    instead: 'use Clock.setTimer, sleep or withDeadline of shared/src/lib/clock.ts',
    allowedIn: [...CLOCKS, 'shared/src/lib/turn.ts'],
  },
  {
    what: 'waiting for the event loop',
    pattern: /\bsetImmediate\b|\bprocess\.nextTick\b/g,
    example: 'process.nextTick(send);',
    instead: 'use the function of shared/src/lib that gives the event loop a turn',
    allowedIn: ['shared/src/lib/turn.ts'],
  },
  {
    what: 'randomness',
    pattern: /\bMath\.random\b|^import (?!type )\{[^}]*\brandom\w+[^}]*\} from 'node:crypto'/gm,
    example: "import { createHash, randomBytes } from 'node:crypto';",
    instead: 'take it through the constructor',
    allowedIn: [...WIRING, 'collector/src/feed/thread.ts'],
  },
  {
    what: 'the file system',
    pattern: importing('node:fs|node:fs/promises'),
    example: "import { readFileSync } from 'node:fs';",
    instead: 'read through the Host port, write through a Disk (shared/src/lib/disk.ts)',
    allowedIn: [
      ...WIRING,
      'shared/src/lib/disk.ts',
      'agent/src/config/load.ts',
      'agent/src/host',
      'agent/src/link/identity.ts',
      'agent/src/self/facts.ts',
      'agent/src/spool/lock.ts',
      'agent/src/enroll',
      'collector/src/api/page.ts',
      'collector/src/config/derive.ts',
      'collector/src/config/load.ts',
      'collector/src/fleet/identity.ts',
      'collector/src/self/version.ts',
      'agent/src/self/version.ts',
      'collector/src/state',
      'collector/src/storage/embedded',
    ],
  },
  {
    what: 'a socket',
    pattern: importing('node:(?:net|tls|http|https|http2|dgram|dns|dns/promises)|ws'),
    example: "import { createServer } from 'node:http';",
    instead: 'go through the port of link, gateway, api or notify',
    allowedIn: [
      ...WIRING,
      'agent/src/enroll',
      // A Unix socket of the machine itself, to ask systemd for its units.
      'agent/src/host/system-bus.ts',
      // Another one, to ask Docker or Podman what containers are called.
      'agent/src/host/local-service.ts',
      // A name in the kernel that stands for a lock; nothing is ever sent.
      'agent/src/spool/lock.ts',
      'agent/src/link/frames.ts',
      'agent/src/link/opening.ts',
      'collector/src/alerting/notify',
      'collector/src/api',
      'collector/src/checks',
      // Addresses only: isIP and BlockList open nothing.
      'collector/src/fleet/buckets.ts',
      'collector/src/gateway',
      'collector/src/storage/store-http.ts',
    ],
  },
  {
    what: 'fetch',
    pattern: /\bfetch\(/g,
    example: 'await fetch(url);',
    instead: 'the page goes through web/src/api/client.ts; programs use node:https with the address guard',
    allowedIn: ['web/src/api/client.ts', 'web/src/main.tsx'],
  },
  {
    what: 'another process or thread',
    pattern: importing('node:(?:child_process|worker_threads|cluster)'),
    example: "import { spawn } from 'node:child_process';",
    instead:
      'the agent runs programs through the Host port only; see docs/architecture.md section 10 for threads',
    allowedIn: [
      'agent/src/host',
      'agent/src/inventory',
      'agent/src/app.ts',
      'collector/src/app.ts',
      'collector/src/feed',
      'collector/src/journal/threaded-store.ts',
      'collector/src/journal/store-thread.ts',
      'collector/src/storage/embedded/sealing',
      'collector/src/readers',
    ],
  },
  {
    what: 'SQLite',
    pattern: importing('node:sqlite'),
    example: "import { DatabaseSync } from 'node:sqlite';",
    instead: 'use the Database of collector/src/state',
    allowedIn: ['collector/src/state', 'collector/src/journal', 'collector/src/storage/embedded'],
  },
  {
    what: 'the process environment',
    pattern: /\bprocess\.(?:env|argv|exit\b)/g,
    example: 'process.exit(1);',
    instead: 'settings come from config/, arguments and exit codes belong to main.ts',
    allowedIn: [
      'agent/src/main.ts',
      // A program of its own, whose arguments say what not to read.
      'agent/src/inventory/child.ts',
      'collector/src/main.ts',
      'agent/src/config/load.ts',
      'collector/src/config/load.ts',
      'agent/bin',
      'collector/bin',
    ],
  },
];

/** What a workspace may need at run time; undefined means that the lock file and a decision page are check enough. */
export const RUNTIME_DEPENDENCIES: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  agent: ['@rollcall/shared', 'systeminformation', 'ws'],
  web: [],
  dashboards: [],
};

/** A file longer than this says at its top why. */
export const LINES_MAX = 400;

/** Exports that a tool calls by their name. */
export const CALLED_BY_TOOLS: ReadonlySet<string> = new Set(['test/harness/prepare.ts setup']);

/**
 * Exports that nobody reads, from before there was a rule. Nothing may be added: take the word "export" away instead, and
 * the line here with it.
 */
export const UNREAD_EXPORTS: ReadonlySet<string> = new Set([
  'agent/src/samplers/cpu/cpu.ts CPU_COLUMNS',
  'agent/src/samplers/cpu/cpu.ts IDLE_COLUMN',
  'agent/src/scheduler/scheduler.ts INTERVAL_MS_DEFAULT',
  'agent/src/scheduler/tick.ts SAMPLING',
  'collector/src/alerting/counters.ts noCounters',
  'collector/src/alerting/testing/world.ts recordingLogger',
  'collector/src/alerting/testing/world.ts recordingCounters',
  'collector/src/api/auth/tokens.ts ACCESS_TOKEN_PREFIX',
  'collector/src/config/load.ts environmentName',
  'collector/src/config/options.ts spanText',
  'collector/src/journal/limits.ts JournalLimits',
  'collector/src/query/evaluate/calls.ts CALLABLE_NAMES',
  'collector/src/query/evaluate/columns.ts lastTime',
  'collector/src/query/evaluate/functions/signatures.ts FUNCTION_NAMES',
  'collector/src/query/evaluate/functions/sort.ts compareNatural',
  'collector/src/query/query.ts DEFAULT_LIMITS',
  'collector/src/query/parse/series-notation.ts parseSeries',
  'collector/src/query/parse/series-notation.ts parseValues',
  'collector/src/storage/matcher.ts compilePattern',
  'test/browser/fake-collector.ts PAGE_HEADERS',
  'test/harness/processes.ts runCollectorCommand',
  'test/harness/processes.ts runAgentCommand',
  'web/src/api/answers.ts INVENTORY_DEPTH_MAX',
  'web/src/api/client.ts HOSTS_PER_REQUEST',
  'web/src/page.ts OPEN_INCIDENTS_MAX',
]);

/** Traces of the machine that a file was written on, and notes to nobody. */
export const LEFTOVERS: readonly {
  readonly what: string;
  readonly pattern: RegExp;
  readonly example: string;
}[] = [
  {
    what: 'a path of one machine',
    pattern: /(?<![\w.-])\/(?:work|root|Users)\/[\w.]|(?<![\w.-])\/tmp\/\w{3,}\/\w/g,
    example: 'cd /root/rollcall',
  },
  {
    what: 'a to-do without an issue number',
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))/g,
    example: '// TODO: later',
  },
];
