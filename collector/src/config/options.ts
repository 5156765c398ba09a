/**
 * Every setting of the collector as data: docs/config.md, `--help` and the messages about bad values come from this
 * table. Each key is also a flag (`--down-grace 1m`) and a variable (`ROLLCALL_DOWN_GRACE=1m`).
 */
import * as z from 'zod';
import { dependenciesSchema } from '../alerting/inhibition/dependencies.ts';
import { inhibitRulesSchema } from '../alerting/inhibition/inhibit-rules.ts';
import { secretUrl } from '../alerting/notify/fields.ts';
import { receiverConfigSchema } from '../alerting/notify/list.ts';
import { onCallSchema } from '../alerting/on-call/config.ts';
import { MAIN_STORE, mirrorConfigSchema, storageConfigSchema } from '../storage/store-config.ts';
import { routesSchema } from '../alerting/routing/route-config.ts';

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3_600 * SECOND_MS,
  d: DAY_MS,
};

/** A span such as `30s`, `5m` or `14d`, in milliseconds. */
function duration(range: { readonly minMs: number; readonly maxMs: number }) {
  const allowed = `a span from ${spanText(range.minMs)} to ${spanText(range.maxMs)}, for example 90s, 5m or 7d`;
  return z.string({ error: `must be ${allowed}` }).transform((text, context) => {
    const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim());
    const spanMs = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN);
    if (spanMs >= range.minMs && spanMs <= range.maxMs) return spanMs;
    context.addIssue({ code: 'custom', message: `must be ${allowed}` });
    return z.NEVER;
  });
}

/** A span as people write it, in the largest unit that divides it. */
export function spanText(spanMs: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const unitMs = UNIT_MS[unit] ?? 1;
    if (spanMs >= unitMs && spanMs % unitMs === 0) return `${spanMs / unitMs}${unit}`;
  }
  return `${spanMs}ms`;
}

const address = z.string({ error: 'must be host:port' }).transform((text, context) => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port <= 65_535) return { host, port };
  context.addIssue({
    code: 'custom',
    message: 'must be host:port with a port from 0 to 65535, for example 127.0.0.1:7655 or [::1]:7655',
  });
  return z.NEVER;
});

const filePath = z
  .string({ error: 'must be the path of a file' })
  .min(1, 'must be the path of a file')
  .optional();

const RANGE = /^[0-9a-fA-F:.]+\/\d{1,3}$/;

/** One setting. */
export interface Option {
  readonly key: string;
  /** Unit or shape, for people. */
  readonly shape: string;
  /** As it would be written in the file; undefined for "not set". */
  readonly fallback: string | undefined;
  readonly help: string;
  readonly schema: z.ZodType;
}

const ratio = z
  .number({ error: 'must be a number from 0.01 to 1' })
  .min(0.01, 'must be a number from 0.01 to 1')
  .max(1, 'must be a number from 0.01 to 1');

const byteCount = z
  .int({ error: 'must be a whole number of bytes' })
  .min(0, 'must be a whole number of bytes, 0 or more');

/** Below this a thread could not keep what a single dashboard asks for. */
const CACHE_BYTES_MIN = 128 * 1024 * 1024;
const cacheBytes = z
  .int({ error: 'must be a whole number of bytes' })
  .min(CACHE_BYTES_MIN, `must be at least ${CACHE_BYTES_MIN} bytes`);

/** Keys to schemas; what each parses to is the type of the configuration. */
const SCHEMAS = {
  listen: address,
  'data-dir': z.string().min(1, 'must be the path of a folder'),
  insecure: z.boolean({ error: 'must be true or false' }),
  'tls-cert-file': filePath,
  'tls-key-file': filePath,
  'external-url': z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' }).optional(),
  'log-level': z.enum(['debug', 'info', 'warn', 'error'], { error: 'must be debug, info, warn or error' }),
  'silence-after': duration({ minMs: SECOND_MS, maxMs: DAY_MS }),
  'down-grace': duration({ minMs: 0, maxMs: DAY_MS }),
  'start-grace': duration({ minMs: 0, maxMs: DAY_MS }).optional(),
  'planned-timeout': duration({ minMs: SECOND_MS, maxMs: DAY_MS }),
  'rule-interval': duration({ minMs: 100, maxMs: 3_600 * SECOND_MS }),
  'rules-dir': filePath,
  'thresholds-file': filePath,
  'stock-rules': z.enum(['on', 'off'], { error: 'must be on or off' }),
  'raw-retention': duration({ minMs: 3_600 * SECOND_MS, maxMs: 3_650 * DAY_MS }),
  'rollup-5m-retention': duration({ minMs: DAY_MS, maxMs: 36_500 * DAY_MS }),
  'rollup-1h-retention': duration({ minMs: DAY_MS, maxMs: 36_500 * DAY_MS }),
  'storage-bytes': byteCount.optional(),
  'disk-reserve': byteCount,
  'cache-memory': cacheBytes,
  'incident-retention': duration({ minMs: DAY_MS, maxMs: 3_650 * DAY_MS }),
  'disk-full-ratio': ratio,
  'disk-full-bytes': byteCount,
  'disk-full-for': duration({ minMs: 0, maxMs: DAY_MS }),
  storage: storageConfigSchema,
  mirrors: z
    .array(mirrorConfigSchema, { error: 'must be a list of stores' })
    .max(8, 'must have at most 8 entries')
    .refine(
      (list) => new Set([MAIN_STORE, ...list.map(({ name }) => name)]).size === list.length + 1,
      `must not use a name twice, nor the name ${MAIN_STORE}`,
    ),
  'storage-recent': duration({ minMs: 0, maxMs: 7 * DAY_MS }),
  'feed-buffer': byteCount,
  receivers: z
    .array(receiverConfigSchema, { error: 'must be a list of receivers' })
    .max(64, 'must have at most 64 entries')
    .refine(
      (list) => new Set(list.map(({ name }) => name)).size === list.length,
      'must not use a name twice',
    ),
  'on-call': onCallSchema,
  routes: routesSchema,
  'inhibit-rules': inhibitRulesSchema,
  dependencies: dependenciesSchema,
  'heartbeat-url': secretUrl.optional(),
  'allow-private-targets': z
    .array(z.string().regex(RANGE, 'must be an address range such as 10.0.0.0/8'), {
      error: 'must be a list of ranges',
    })
    .max(64, 'must have at most 64 entries'),
  'allow-target-ports': z
    .array(z.int().min(1).max(65_535), { error: 'must be a list of ports' })
    .max(64, 'must have at most 64 entries'),
} as const;

type SettingKey = keyof typeof SCHEMAS;

const HELP: Readonly<Record<SettingKey, Omit<Option, 'key' | 'schema'>>> = {
  listen: {
    shape: 'host:port',
    fallback: '127.0.0.1:7655',
    help: 'Address of the page, the APIs and the agent socket. Anything but loopback needs TLS files or insecure, and then every read needs an access token.',
  },
  'data-dir': {
    shape: 'folder',
    fallback: './rollcall-data',
    help: 'Where everything durable lives. Created with mode 0700.',
  },
  insecure: {
    shape: 'true or false',
    fallback: 'false',
    help: 'Allow an address other than loopback without TLS. Logged at every start.',
  },
  'tls-cert-file': { shape: 'file', fallback: undefined, help: 'Certificate chain in PEM form.' },
  'tls-key-file': { shape: 'file', fallback: undefined, help: 'Private key of the certificate in PEM form.' },
  'external-url': {
    shape: 'URL',
    fallback: undefined,
    help: 'Where people reach the page; links in notifications begin with it. Default: made from listen.',
  },
  'log-level': {
    shape: 'debug, info, warn, error',
    fallback: 'info',
    help: 'Least important level that is logged.',
  },
  'silence-after': {
    shape: 'span',
    fallback: '30s',
    help: 'A connected host that sends nothing for so long is suspect.',
  },
  'down-grace': { shape: 'span', fallback: '30s', help: 'A suspect host is down after so long.' },
  'start-grace': {
    shape: 'span',
    fallback: undefined,
    help: 'After the collector starts, hosts that have not come back are unknown for so long. Default: 2 minutes, more for fleets over 15,000 hosts.',
  },
  'planned-timeout': {
    shape: 'span',
    fallback: '10m',
    help: 'A host whose agent said farewell (shutdown, reboot, update, stop) counts as planned for so long.',
  },
  'rule-interval': { shape: 'span', fallback: '5s', help: 'How often alert rules are evaluated.' },
  'rules-dir': {
    shape: 'folder',
    fallback: undefined,
    help: 'Folder with Prometheus rule files (*.yml, *.yaml); looked through for changes every 10 s. The folder rules in data-dir unless given.',
  },
  'thresholds-file': {
    shape: 'file',
    fallback: undefined,
    help: 'Levels of their own for some hosts or objects, see docs/rules.md. The file thresholds.yaml in data-dir unless given.',
  },
  'stock-rules': {
    shape: 'on or off',
    fallback: 'on',
    help: 'Whether the rule files that come with the collector are in force. That a host is down, and disk-full-*, are told in any case.',
  },
  'raw-retention': { shape: 'span', fallback: '30d', help: 'How long samples are kept at full resolution.' },
  'rollup-5m-retention': {
    shape: 'span',
    fallback: '365d',
    help: 'How long rollups of 5 minutes are kept.',
  },
  'rollup-1h-retention': {
    shape: 'span',
    fallback: '1825d',
    help: 'How long rollups of an hour are kept.',
  },
  'storage-bytes': {
    shape: 'bytes',
    fallback: undefined,
    help: 'What block files may take together; beyond it the oldest go before their time, full resolution first. Default: no limit.',
  },
  'disk-reserve': {
    shape: 'bytes',
    fallback: '536870912',
    help: 'What stays free on the disk of data-dir. With less, the oldest samples go before their time; with less than half of it, nothing is accepted and agents hold their data.',
  },
  'cache-memory': {
    shape: 'bytes',
    fallback: '1073741824',
    help: 'What recent readings and parts of block files may take in memory, in all threads together. With less, more is read from the disk.',
  },
  'incident-retention': { shape: 'span', fallback: '90d', help: 'How long resolved incidents are kept.' },
  'disk-full-ratio': {
    shape: 'ratio 0-1',
    fallback: '0.9',
    help: 'A file system is almost full when more than this share is used and less than disk-full-bytes is free.',
  },
  'disk-full-bytes': { shape: 'bytes', fallback: '5368709120', help: 'See disk-full-ratio.' },
  'disk-full-for': {
    shape: 'span',
    fallback: '5m',
    help: 'How long a file system must be almost full before anybody is told.',
  },
  storage: {
    shape: '{kind, url, …}',
    fallback: '{kind: embedded}',
    help: 'Where samples are read from. kind: embedded needs nothing else; influx-v1, influx-v2 and prometheus name a server, see docs/stores.md.',
  },
  mirrors: {
    shape: 'list of {name, kind, url, …}',
    fallback: '[]',
    help: 'Stores that every sample is written to as well; kinds and settings as for storage.',
  },
  'storage-recent': {
    shape: 'span',
    fallback: '2h',
    help: 'With a storage of another kind than embedded: how far back samples are read from the own disk. Older ones come from that store.',
  },
  'feed-buffer': {
    shape: 'bytes',
    fallback: '4294967296',
    help: 'What may wait on the disk for stores that are away. With more, nothing is accepted and agents hold their data.',
  },
  receivers: {
    shape: 'list of {name, kind, url, bearerToken}',
    fallback: '[]',
    help: 'Who is told about incidents. kind: webhook posts the Alertmanager v4 format to url, with bearerToken if there is one.',
  },
  'on-call': {
    shape: '{people, schedules, policies}',
    fallback: '{}',
    help: 'Who is on call, and who is told next when nobody acknowledges. See docs/alerting.md. With a policy named default, incidents of severity page escalate by it.',
  },
  routes: {
    shape:
      'list of {name, match, actions, receivers, fallback, group-by, group-wait, repeat-interval, continue}',
    fallback: '[]',
    help: 'Who is told of what; see docs/alerting.md. The first route that fits decides; pages and tickets that none takes go to all receivers.',
  },
  'inhibit-rules': {
    shape: 'list of {name, source, target, equal}',
    fallback: '[]',
    help: 'Alerts that mute others, besides the shipped ones; see docs/alerting.md.',
  },
  dependencies: {
    shape: 'list of {match, parent, grace}',
    fallback: '[]',
    help: 'Hosts that are reached through another one: nothing is told of them while that one is down, nor for grace (2m) after its return.',
  },
  'heartbeat-url': {
    shape: 'URL',
    fallback: undefined,
    help: 'Address that gets a POST each minute for as long as alerting works, so that somebody else notices when it does not.',
  },
  'allow-private-targets': {
    shape: 'list of ranges',
    fallback: '[]',
    help: 'Private addresses that receivers may be at, for example [10.0.0.0/8]. Cloud metadata addresses are never allowed.',
  },
  'allow-target-ports': {
    shape: 'list of ports',
    fallback: '[]',
    help: 'Ports that receivers may be at besides 80, 443, 8080 and 8443.',
  },
};

/** The schema of a whole configuration. */
export const CONFIG_SCHEMA = z.object(SCHEMAS);
export type Config = Readonly<z.output<typeof CONFIG_SCHEMA>>;

/** The table that loading, help and documentation read. */
export const OPTIONS: readonly Option[] = Object.entries(HELP).map(([key, row]) => ({
  key,
  ...row,
  schema: schemaOf(key),
}));

function schemaOf(key: string): z.ZodType {
  const found = Object.entries(SCHEMAS).find(([name]) => name === key);
  if (found === undefined) throw new Error(`setting ${key} has no schema`);
  return found[1];
}
