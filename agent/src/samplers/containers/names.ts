/** What containers are called: the answer of Docker or Podman, and the names of Kubernetes' log files. Pure. */
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { ParseError } from '../parse.ts';

/** What people call a container; '' for what is not known. */
export interface ContainerNames {
  readonly name: string;
  readonly image: string;
  /** The three names that Kubernetes has. */
  readonly container: string;
  readonly namespace: string;
  readonly pod: string;
}

export const NO_NAMES: ContainerNames = { name: '', image: '', container: '', namespace: '', pod: '' };

/** Both programs answer it; only containers that run are listed. Source: Docker Engine API, ContainerList. */
export const LIST_REQUEST = '/containers/json';
/** Longest text that is taken over; real names have less than 100 characters. */
const TEXT_LENGTH_MAX = 200;
const ID = /^[0-9a-f]{64}$/;

/**
 * Names by id.
 * @throws ParseError when it is not a list; an entry that is not what it should be is left out
 */
export function parseContainerList(answer: Buffer): ReadonlyMap<string, ContainerNames> {
  const list = parseJson(answer);
  if (!Array.isArray(list)) throw new ParseError('parse the list of containers: it is no list');
  const names = new Map<string, ContainerNames>();
  for (const entry of list) {
    const id = textOf(entry, 'Id');
    if (!ID.test(id)) continue;
    const [first] = listOf(entry, 'Names');
    const name = typeof first === 'string' ? first.replace(/^\//, '').slice(0, TEXT_LENGTH_MAX) : '';
    names.set(id, { ...NO_NAMES, name, image: textOf(entry, 'Image') });
  }
  return names;
}

/** Kubernetes: `<pod>_<namespace>_<container>-<id>.log` in /var/log/containers. */
const LOG_FILE = /^([a-z0-9.-]{1,253})_([a-z0-9-]{1,63})_([a-z0-9-]{1,63})-([0-9a-f]{64})\.log$/;

/** Names by id; a file that is called otherwise says nothing. */
export function parseLogNames(files: readonly string[]): ReadonlyMap<string, ContainerNames> {
  const names = new Map<string, ContainerNames>();
  for (const file of files) {
    const [, pod, namespace, container, id] = LOG_FILE.exec(file) ?? [];
    if (pod === undefined || namespace === undefined || container === undefined || id === undefined) continue;
    names.set(id, { ...NO_NAMES, container, namespace, pod });
  }
  return names;
}

function parseJson(answer: Buffer): unknown {
  try {
    return JSON.parse(answer.toString());
  } catch (error) {
    throw new AppError('READ_FAILED', 'parse the list of containers', { cause: error });
  }
}

function fieldOf(entry: unknown, key: string): unknown {
  if (typeof entry !== 'object' || entry === null) return undefined;
  return Object.entries(entry).find(([name]) => name === key)?.[1];
}

function textOf(entry: unknown, key: string): string {
  const value = fieldOf(entry, key);
  return typeof value === 'string' ? value.slice(0, TEXT_LENGTH_MAX) : '';
}

function listOf(entry: unknown, key: string): readonly unknown[] {
  const value = fieldOf(entry, key);
  return Array.isArray(value) ? value : [];
}
