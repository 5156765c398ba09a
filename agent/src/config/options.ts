/**
 * Every setting of the agent as data: flags, variables, the configuration file, `--help` and the messages about bad
 * values come from this table. A key `data-dir` is the flag `--data-dir`, the variable `ROLLCALL_AGENT_DATA_DIR` (or
 * `ROLLCALL_DATA_DIR`) and the key `data-dir` of the file.
 */
import { SECTION_NAMES } from '@rollcall/shared/inventory/section-names.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import type { LogLevel } from '@rollcall/shared/lib/log.ts';
import { redactUrl, Secret } from '@rollcall/shared/lib/secret.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import {
  INTERVAL_MS_MAX,
  INTERVAL_MS_MIN,
  isSamplerName,
  logLevelOf,
} from '@rollcall/shared/protocol/agent-config.ts';
import { TOKEN_PATTERN } from '@rollcall/shared/protocol/enroll.ts';

/** One setting; `T` is what its text is parsed to. */
export interface Option<T> {
  readonly key: string;
  /** Unit or shape, for people. */
  readonly shape: string;
  /** As it would be written; undefined for "not set". */
  readonly fallback: string | undefined;
  readonly help: string;
  /** `switch`: a flag without a value means true. `list`: may be given several times, or with commas. */
  readonly arity: 'one' | 'switch' | 'list';
  /** The value as it may stand in a message. */
  readonly shown: (text: string) => string;
  /**
   * Reads one value.
   * @throws AppError BAD_CONFIG, "must be …"
   */
  readonly parse: (text: string) => T;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const UNIT_BYTES: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
/** The sections, and what is told of the busiest programs. */
const EXCLUDABLE = [...SECTION_NAMES, 'processes'];
const SPOOL_BYTES_MIN = 1024 ** 2;
const SPOOL_BYTES_MAX = 16 * 1024 ** 3;
const SHOWN_MAX = 80;
const HOST_NAME_MAX = 255;

function option<T>(
  key: string,
  details: Pick<Option<T>, 'shape' | 'help' | 'parse'> & Partial<Option<T>>,
): Option<T> {
  return { fallback: undefined, arity: 'one', shown: shorten, ...details, key };
}

export const OPTIONS = {
  url: option('url', {
    shape: 'URL',
    help: 'The collector, for example https://monitor.example.org:7655. Needed for the first start only.',
    shown: redactUrl,
    // Whether plain http:// is allowed depends on `insecure`, so it is checked with it.
    parse: (text) => text,
  }),
  token: option('token', {
    shape: 'rce1_…',
    help: 'Enrolment token, needed for the first start only. Better given as the variable ROLLCALL_TOKEN than as a flag, which other users of the machine can see.',
    shown: () => '[redacted]',
    parse: (text) => {
      if (!TOKEN_PATTERN.test(text)) throw mustBe('a token as "rollcall-collector token create" prints it');
      return new Secret(text);
    },
  }),
  dataDir: option('data-dir', {
    shape: 'folder',
    fallback: './rollcall-data/agent',
    help: 'Where the agent keeps its key, its identity and the readings that wait. Only its own user may read it.',
    parse: filePath,
  }),
  interval: option('interval', {
    shape: 'span, 1s to 1h',
    fallback: '10s',
    help: 'Time between readings.',
    parse: interval,
  }),
  slowInterval: option('slow-interval', {
    shape: 'span, 1s to 1h',
    fallback: '10s',
    help: 'Least time between readings of what moves slowly or says little about a single second: free space, sensors, load averages, protocol counters, facts. Matters only when interval is shorter.',
    parse: interval,
  }),
  textfileDir: option('textfile-dir', {
    shape: 'folder',
    help: 'Metrics of scripts and jobs are read from the files *.prom in this folder, as node_exporter does with --collector.textfile.directory. Nothing is read without it.',
    parse: filePath,
  }),
  logLevel: option('log-level', {
    shape: 'debug, info, warn or error',
    fallback: 'info',
    help: 'How much is written to standard error.',
    parse: logLevel,
  }),
  disableSampler: option('disable-sampler', {
    shape: 'name, repeatable',
    arity: 'list',
    help: 'A sampler that does not run, for example arp; rollcall-agent show names them.',
    parse: (text) => {
      if (isSamplerName(text)) return text;
      throw mustBe('the name of a sampler');
    },
  }),
  remoteConfig: option('remote-config', {
    shape: 'true or false',
    fallback: 'true',
    help: 'Whether the collector may set interval, disable-sampler and log-level where they are not set here. Nothing else can be set from there.',
    parse: booleanOf,
  }),
  insecure: option('insecure', {
    shape: 'true or false',
    fallback: 'false',
    arity: 'switch',
    help: 'Allow http:// to another machine: anyone on the way can read what is sent. Certificates are always verified.',
    parse: booleanOf,
  }),
  caFile: option('ca-file', {
    shape: 'file',
    help: "Certificate authorities to trust instead of the system's, in PEM form.",
    parse: filePath,
  }),
  hostName: option('host-name', {
    shape: 'text',
    help: 'Name that this machine is shown by. Without it the name that the operating system has.',
    parse: (text) => {
      if (text !== '' && text.length <= HOST_NAME_MAX && cleanText(text, HOST_NAME_MAX) === text) return text;
      throw mustBe(`1 to ${HOST_NAME_MAX} characters without control characters`);
    },
  }),
  spool: option('spool', {
    shape: 'disk or memory',
    fallback: 'disk',
    help: 'Where readings wait for the collector. In memory they are lost when the agent ends.',
    parse: (text) => {
      if (text === 'disk' || text === 'memory') return text;
      throw mustBe('disk or memory');
    },
  }),
  spoolSize: option('spool-size', {
    shape: 'size, 1MiB to 16GiB',
    fallback: '64MiB',
    help: 'Most that the waiting readings may take on the disk; the oldest make way. 64 MiB are about two weeks. Less is taken where less than 5 % or 512 MiB of the disk are free.',
    parse: (text) => {
      const match = /^(\d{1,9})(KiB|MiB|GiB)$/.exec(text);
      const bytes = Number(match?.[1]) * (UNIT_BYTES[match?.[2] ?? ''] ?? Number.NaN);
      if (bytes >= SPOOL_BYTES_MIN && bytes <= SPOOL_BYTES_MAX) return bytes;
      throw mustBe('a size from 1MiB to 16GiB, for example 64MiB');
    },
  }),
  spoolSync: option('spool-sync', {
    shape: 'always, interval or never',
    fallback: 'always',
    help: 'When readings are made safe against the loss of power: each one before it is sent (those of two seconds together), once a minute (kinder to flash cards), or when the system likes.',
    parse: (text) => {
      if (text === 'always' || text === 'interval' || text === 'never') return text;
      throw mustBe('always, interval or never');
    },
  }),
  excludeSection: option('exclude-section', {
    shape: 'name, repeatable',
    arity: 'list',
    help: 'A section of the inventory that is not sent, for example users or packages; processes for the busiest programs that are told while the machine is under strain. What is excluded is not read either.',
    parse: (text) => {
      // A name that is misspelt would send what somebody wants to keep.
      if (EXCLUDABLE.some((name) => name === text)) return text;
      throw mustBe(`the name of an inventory section: ${EXCLUDABLE.join(', ')}`);
    },
  }),
};

/** The rows without the types of their values, for help and for reading flags. */
export const OPTION_LIST: readonly Option<unknown>[] = Object.values(OPTIONS);

/** Names of the variables of a setting; the first one that is set counts. */
export function variableNames(key: string): readonly string[] {
  const name = key.toUpperCase().replaceAll('-', '_');
  return [`ROLLCALL_AGENT_${name}`, `ROLLCALL_${name}`];
}

function shorten(text: string): string {
  return JSON.stringify(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text);
}

function filePath(text: string): string {
  if (text === '' || text.includes('\0')) throw mustBe('a path');
  return text;
}

function interval(text: string): number {
  const match = /^(\d{1,9})(ms|s|m|h)$/.exec(text);
  const spanMs = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN);
  if (spanMs >= INTERVAL_MS_MIN && spanMs <= INTERVAL_MS_MAX) return spanMs;
  throw mustBe('a span from 1s to 1h, for example 10s or 1m');
}

function logLevel(text: string): LogLevel {
  const level = logLevelOf(text);
  if (level === undefined) throw mustBe('debug, info, warn or error');
  return level;
}

function booleanOf(text: string): boolean {
  if (text === 'true') return true;
  if (text === 'false') return false;
  throw mustBe('true or false');
}

function mustBe(allowed: string): AppError {
  return new AppError('BAD_CONFIG', `must be ${allowed}`);
}
