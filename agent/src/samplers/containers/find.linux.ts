/** Looks for containers among the control groups of the machine, and for what it keeps of them as long as they run. */
import { HostError, isAbsent, type Host } from '../../host/host.ts';
import { words } from '../parse.ts';
import { parseStartSeconds } from '../self/self.ts';
import { containerIdOf, mayHoldContainers } from './containers.ts';

export const CGROUP_PATH = '/sys/fs/cgroup';
/** Only the second version has it at its root. */
const SECOND_VERSION = `${CGROUP_PATH}/cgroup.controllers`;
/** Folders that are looked into at most, and how deep. */
const FOLDERS_MAX = 2_000;
const DEPTH_MAX = 8;

/** A folder that is a container. */
export interface FoundContainer {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Below CGROUP_PATH, with a slash in front; what cAdvisor calls `id`. */
  readonly path: string;
}

/** All containers in the order of their paths. One inside of another is part of that one. */
export function findContainers(host: Host): readonly FoundContainer[] {
  const found: FoundContainer[] = [];
  if (!host.has(SECOND_VERSION)) return found;
  let foldersLeft = FOLDERS_MAX;
  const look = (path: string, depth: number): void => {
    for (const name of foldersLeft-- > 0 ? listOrNone(host, CGROUP_PATH + path) : []) {
      const id = containerIdOf(name);
      if (id !== undefined) found.push({ id, path: `${path}/${name}` });
      else if (depth < DEPTH_MAX && mayHoldContainers(name)) look(`${path}/${name}`, depth + 1);
    }
  };
  look('', 1);
  return found.sort((left, right) => (left.path < right.path ? -1 : 1));
}

/** Names in a folder, none where it cannot be read: groups go away while they are looked for, those of others may be closed. */
export function listOrNone(host: Host, path: string): readonly string[] {
  try {
    return host.list(path);
  } catch (error) {
    if (error instanceof HostError) return [];
    throw error;
  }
}

/** The container's first process. */
export interface FirstProcess {
  readonly pid: string;
  /** When it started, seconds after the boot; undefined when that is hidden from us. */
  readonly startSeconds: number | undefined;
}

/** Podman and systemd put the processes into a group below the container's own. */
const PROCESS_FOLDERS = ['', '/container', '/init.scope'] as const;

/** Undefined when there is no process in it: it is not running. */
export function firstProcess(host: Host, path: string): FirstProcess | undefined {
  for (const folder of PROCESS_FOLDERS) {
    const [pid] = words(textOrNone(host, `${CGROUP_PATH}${path}${folder}/cgroup.procs`));
    if (pid === undefined || !/^[1-9]\d*$/.test(pid)) continue;
    const stat = textOrNone(host, `/proc/${pid}/stat`);
    return { pid, startSeconds: stat === '' ? undefined : parseStartSeconds(stat) };
  }
  return undefined;
}

/**
 * Where the network of the container is read: undefined when it has none of its own, shares one that is in `seen`, or
 * that cannot be told.
 * @param seen namespaces that were met before; gets this one
 */
export function ownNetworkPath(host: Host, pid: string, seen: Set<string>): string | undefined {
  const namespace = linkOrNone(host, `/proc/${pid}/ns/net`);
  if (namespace === undefined || seen.has(namespace)) return undefined;
  seen.add(namespace);
  return `/proc/${pid}/net/dev`;
}

/** The namespace that the agent is in, which is the machine's. */
export function hostNamespace(host: Host): string | undefined {
  return linkOrNone(host, '/proc/self/ns/net');
}

function linkOrNone(host: Host, path: string): string | undefined {
  try {
    return host.readLink(path);
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}

function textOrNone(host: Host, path: string): string {
  try {
    return host.readOnce(path).toString('latin1');
  } catch (error) {
    if (isAbsent(error) || (error instanceof HostError && error.kind === 'denied')) return '';
    throw error;
  }
}
