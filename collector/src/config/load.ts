/**
 * Loads the collector's settings: flag > environment > file > default. All problems are reported together, each naming
 * the key, where its value came from, the value, and what is allowed. Nothing connects or is created here.
 */
import { readFileSync } from 'node:fs';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { LineCounter, parseDocument, parse as parseYaml } from 'yaml';
import type * as z from 'zod';
import { missingReceivers } from '../alerting/on-call/config.ts';
import { unknownReceivers } from '../alerting/routing/route-config.ts';
import { CONFIG_SCHEMA, OPTIONS, type Config } from './options.ts';

/** Largest configuration file accepted. */
const FILE_BYTES_MAX = 1024 * 1024;

export interface ConfigSources {
  /** Values of flags by key, as given on the command line. */
  readonly flags: Readonly<Record<string, string | boolean>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of the configuration file; undefined for none. */
  readonly file: string | undefined;
}

interface Found {
  readonly value: unknown;
  /** For messages: where the value stands. */
  readonly origin: string;
}

/** @throws AppError BAD_CONFIG with one line per problem */
export function loadConfig(sources: ConfigSources): Config {
  const problems: string[] = [];
  const fromFile = sources.file === undefined ? new Map<string, Found>() : readFile(sources.file, problems);
  const found = new Map<string, Found>();
  for (const { key, fallback } of OPTIONS) {
    const value = fromFlag(key, sources) ?? fromEnvironment(key, sources) ?? fromFile.get(key);
    if (value !== undefined) found.set(key, value);
    else if (fallback !== undefined) found.set(key, { value: scalar(key, fallback), origin: 'default' });
  }
  const parsed = CONFIG_SCHEMA.safeParse(
    Object.fromEntries([...found].map(([key, { value }]) => [key, value])),
  );
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => describeIssue(issue, found)));
  if (parsed.success) problems.push(...contradictions(parsed.data));
  if (problems.length > 0 || !parsed.success) {
    throw new AppError(
      'BAD_CONFIG',
      `configuration has ${problems.length} problem(s):\n  ${problems.join('\n  ')}`,
    );
  }
  return parsed.data;
}

/** Name of the environment variable of a setting. */
export function environmentName(key: string): string {
  return `ROLLCALL_${key.toUpperCase().replaceAll('-', '_')}`;
}

/** Whether the address can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function fromFlag(key: string, { flags }: ConfigSources): Found | undefined {
  const text = flags[key];
  if (text === undefined) return undefined;
  return { value: typeof text === 'string' ? scalar(key, text) : text, origin: `flag --${key}` };
}

function fromEnvironment(key: string, { environment }: ConfigSources): Found | undefined {
  const name = environmentName(key);
  const text = environment[name];
  return text === undefined ? undefined : { value: scalar(key, text), origin: `variable ${name}` };
}

function readFile(path: string, problems: string[]): Map<string, Found> {
  const found = new Map<string, Found>();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    problems.push(`file ${path}: cannot be read: ${describeError(error)}`);
    return found;
  }
  if (text.length > FILE_BYTES_MAX) {
    problems.push(`file ${path}: has ${text.length} characters, at most ${FILE_BYTES_MAX} are allowed`);
    return found;
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter });
  for (const error of document.errors) problems.push(`file ${path}: ${error.message.split('\n')[0] ?? ''}`);
  if (document.errors.length > 0) return found;
  const content: unknown = document.toJS({ maxAliasCount: 0 });
  if (content === null) return found;
  if (typeof content !== 'object' || Array.isArray(content)) {
    problems.push(`file ${path}: must be a map of settings`);
    return found;
  }
  const known = new Set(OPTIONS.map(({ key }) => key));
  for (const [key, value] of Object.entries(content)) {
    if (known.has(key)) found.set(key, { value, origin: `file ${path}` });
    else
      problems.push(
        `${key} (file ${path}): is not a setting; see rollcall-collector run --help for the list`,
      );
  }
  return found;
}

/** A text from a flag or variable as its schema wants it: as it is for texts, else read as YAML. */
function scalar(key: string, text: string): unknown {
  const option = OPTIONS.find((candidate) => candidate.key === key);
  if (option === undefined || option.schema.safeParse(text).success) return text;
  try {
    const value: unknown = parseYaml(text);
    return value;
  } catch {
    // Not YAML either: the schema will say what is allowed and show the text.
    return text;
  }
}

function describeIssue(issue: z.core.$ZodIssue, found: ReadonlyMap<string, Found>): string {
  const [key = '', ...rest] = issue.path.map(String);
  const source = found.get(key);
  const where = rest.reduce(
    (text, part) => (/^\d+$/.test(part) ? `${text}[${part}]` : `${text}.${part}`),
    key,
  );
  if (source === undefined) return `${where}: ${issue.message}`;
  return `${where} = ${shownValue(valueAt(source.value, rest), key, rest.at(-1))} (${source.origin}): ${issue.message}`;
}

/**
 * A value as it may be shown. Receivers hold secrets in their URLs, so of these only simple values without one; of stores
 * nothing that is, or may hold, a password or token.
 */
function shownValue(value: unknown, key: string, lastPart = ''): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  if ((key === 'receivers' || key === 'heartbeat-url') && text.includes('/')) return '[redacted]';
  if (key === 'storage' || key === 'mirrors') {
    const isSecret = /token|password/i.test(lastPart) || text.includes('@') || text.includes('?');
    if (isSecret || typeof value === 'object') return '[redacted]';
  }
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at: unknown = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null) return at;
    at = Object.entries(at).find(([name]) => name === part)?.[1];
  }
  return at;
}

function contradictions(config: Config): string[] {
  const problems: string[] = [];
  const hasCert = config['tls-cert-file'] !== undefined;
  const hasKey = config['tls-key-file'] !== undefined;
  if (hasCert !== hasKey) problems.push('tls-cert-file and tls-key-file: must be given together');
  if (!isLoopback(config.listen.host) && !hasCert && !config.insecure) {
    problems.push(
      `listen = "${config.listen.host}:${config.listen.port}": an address that others can reach needs tls-cert-file and tls-key-file, or insecure: true`,
    );
  }
  const receivers = new Set(config.receivers.map(({ name }) => name));
  problems.push(...unknownReceivers(config.routes, receivers));
  problems.push(...missingReceivers(config['on-call'], receivers));
  return problems;
}
