/**
 * Loads the agent's settings: flag > variable > file > default. All problems are reported together, each naming the
 * key, where its value came from, the value, and what is allowed. Nothing connects or is created here.
 */
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Secret } from '@rollcall/shared/lib/secret.ts';
import { parseEndpoint, type Endpoint } from '../link/endpoint.ts';
import type { LocalSettings } from './in-force.ts';
import { OPTION_LIST, OPTIONS, variableNames, type Option } from './options.ts';
import { parseYamlSubset, type YamlNode } from './yaml-subset.ts';

export interface Config extends LocalSettings {
  /** The collector; undefined when it is known from the enrolment only. */
  readonly endpoint: Endpoint | undefined;
  readonly token: Secret | undefined;
  readonly dataDir: string;
  readonly slowIntervalMs: number;
  readonly textfileDir: string | undefined;
  readonly isRemoteConfigAllowed: boolean;
  readonly isInsecure: boolean;
  readonly caFile: string | undefined;
  readonly hostName: string | undefined;
  readonly excludedSections: readonly string[];
  readonly spool: 'disk' | 'memory';
  /** Bytes. */
  readonly spoolSize: number;
  readonly spoolSync: 'always' | 'interval' | 'never';
}

export interface ConfigSources {
  /** Values of flags by key, in the order given. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The configuration file, undefined for none. */
  readonly file: { readonly path: string; readonly content: string } | undefined;
  /** Problems that were found while the command line was read. */
  readonly problems: readonly string[];
}

interface Found {
  readonly texts: readonly string[];
  /** For messages. */
  readonly origin: string;
}

const KEY_MAX = 80;

/** @throws AppError BAD_CONFIG with one line per problem */
export function loadConfig(sources: ConfigSources): Config {
  const values = new Values(sources);
  const isInsecure = values.one(OPTIONS.insecure) ?? false;
  const config: Config = {
    endpoint: values.endpoint(isInsecure),
    token: values.one(OPTIONS.token),
    dataDir: values.one(OPTIONS.dataDir) ?? '',
    intervalMs: values.one(OPTIONS.interval) ?? 0,
    slowIntervalMs: values.one(OPTIONS.slowInterval) ?? 0,
    textfileDir: values.one(OPTIONS.textfileDir),
    logLevel: values.one(OPTIONS.logLevel) ?? 'info',
    disabledSamplers: values.list(OPTIONS.disableSampler),
    isRemoteConfigAllowed: values.one(OPTIONS.remoteConfig) ?? true,
    origins: values.origins(),
    isInsecure,
    caFile: values.one(OPTIONS.caFile),
    hostName: values.one(OPTIONS.hostName),
    excludedSections: values.list(OPTIONS.excludeSection),
    spool: values.one(OPTIONS.spool) ?? 'disk',
    spoolSize: values.one(OPTIONS.spoolSize) ?? 0,
    spoolSync: values.one(OPTIONS.spoolSync) ?? 'always',
  };
  const { problems } = values;
  if (sources.environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    problems.push(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 (variable): must not be set; use ca-file to trust a certificate',
    );
  }
  if (problems.length === 0) return config;
  const list = problems.map((problem) => `\n  ${problem}`).join('');
  throw new AppError('BAD_CONFIG', `configuration has ${problems.length} problem(s):${list}`);
}

/** Looks settings up in all sources and collects what is wrong with them. */
class Values {
  readonly problems: string[];
  readonly #found = new Map<string, Found>();

  constructor(sources: ConfigSources) {
    this.problems = [...sources.problems];
    const fromFile = readFile(sources.file, this.problems);
    for (const { key } of OPTION_LIST) {
      const found = fromFlag(key, sources) ?? fromVariable(key, sources) ?? fromFile.get(key);
      if (found !== undefined) this.#found.set(key, found);
    }
  }

  /** The value of a setting, undefined when it is not set or wrong. */
  one<T>(option: Option<T>): T | undefined {
    const found = this.#found.get(option.key) ?? fallbackOf(option);
    if (found === undefined) return undefined;
    if (found.texts.length > 1) {
      this.problems.push(`${option.key} (${found.origin}): must be given once`);
      return undefined;
    }
    return this.#parse(option, found, found.texts[0] ?? '');
  }

  list<T>(option: Option<T>): readonly T[] {
    const found = this.#found.get(option.key);
    if (found === undefined) return [];
    const texts = found.texts.flatMap((text) => text.split(',')).map((text) => text.trim());
    return texts
      .filter((text) => text !== '')
      .flatMap((text) => {
        const value = this.#parse(option, found, text);
        return value === undefined ? [] : [value];
      });
  }

  /** Where each setting comes from that is set, by key. */
  origins(): ReadonlyMap<string, string> {
    return new Map(Array.from(this.#found, ([key, { origin }]) => [key, origin]));
  }

  endpoint(isInsecureAllowed: boolean): Endpoint | undefined {
    const { url } = OPTIONS;
    const parse = (text: string): Endpoint => parseEndpoint(text, { isInsecureAllowed });
    return this.one({ ...url, parse });
  }

  #parse<T>(option: Option<T>, { origin }: Found, text: string): T | undefined {
    try {
      return option.parse(text);
    } catch (error) {
      this.problems.push(`${option.key} = ${option.shown(text)} (${origin}): ${describeError(error)}`);
      return undefined;
    }
  }
}

function fromFlag(key: string, { flags }: ConfigSources): Found | undefined {
  const texts = flags.get(key);
  return texts === undefined ? undefined : { texts, origin: `flag --${key}` };
}

function fromVariable(key: string, { environment }: ConfigSources): Found | undefined {
  for (const name of variableNames(key)) {
    const text = environment[name];
    if (text !== undefined) return { texts: [text], origin: `variable ${name}` };
  }
  return undefined;
}

function fallbackOf({ fallback }: Option<unknown>): Found | undefined {
  return fallback === undefined ? undefined : { texts: [fallback], origin: 'default' };
}

function readFile(file: ConfigSources['file'], problems: string[]): ReadonlyMap<string, Found> {
  const found = new Map<string, Found>();
  if (file === undefined) return found;
  let entries: ReadonlyMap<string, YamlNode>;
  try {
    entries = parseYamlSubset(file.content);
  } catch (error) {
    problems.push(`file ${file.path}: ${describeError(error)}`);
    return found;
  }
  for (const [key, node] of entries) {
    const origin = `file ${file.path} line ${node.line}`;
    const option = OPTION_LIST.find((candidate) => candidate.key === key);
    const texts = textsOf(node);
    if (option === undefined) {
      problems.push(
        `${key.slice(0, KEY_MAX)} (${origin}): is not a setting; see rollcall-agent --help for the list`,
      );
    } else if (texts === undefined || (node.kind === 'list' && option.arity !== 'list')) {
      problems.push(
        `${key} (${origin}): must be ${option.arity === 'list' ? 'a list of values' : 'one value'}`,
      );
    } else {
      found.set(key, { texts, origin });
    }
  }
  return found;
}

/** The texts of a value or of a list of values; undefined for anything deeper. */
function textsOf(node: YamlNode): readonly string[] | undefined {
  if (node.kind === 'scalar') return [node.text];
  if (node.kind === 'map') return undefined;
  const texts = node.entries.flatMap((entry) => (entry.kind === 'scalar' ? [entry.text] : []));
  return texts.length === node.entries.length ? texts : undefined;
}
