/** What the agent says about its machine when it introduces itself. */
import { readFileSync } from 'node:fs';
import { arch, hostname, release, type as systemName } from 'node:os';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import type { AgentFacts } from '../link/handshake.ts';
import { AGENT_VERSION } from './version.ts';

const TEXT_MAX = 255;
const ID_MAX = 64;
const FILE_BYTES_MAX = 64 * 1024;

export interface MachineFacts extends AgentFacts {
  /** What tells machines apart, '' when unknown. */
  readonly machineId: string;
}

/**
 * Reads the facts. Sources on Linux: `/proc/sys/kernel/random/boot_id` (random(4)), `/etc/machine-id` (machine-id(5)),
 * `PRETTY_NAME` of os-release(5). What is missing is ''.
 * @param hostName shown instead of the name that the system has
 * @param read the text of a file, undefined when it cannot be read
 */
export function machineFacts(
  hostName: string | undefined,
  read: (path: string) => string | undefined = readSmallFile,
): MachineFacts {
  const osRelease = read('/etc/os-release') ?? read('/usr/lib/os-release') ?? '';
  return {
    hostName: cleanText(hostName ?? hostname(), TEXT_MAX),
    bootId: cleanText(read('/proc/sys/kernel/random/boot_id')?.trim() ?? '', ID_MAX),
    machineId: cleanText((read('/etc/machine-id') ?? read('/var/lib/dbus/machine-id') ?? '').trim(), ID_MAX),
    agentVersion: AGENT_VERSION,
    os: {
      platform: process.platform,
      name: cleanText(/^PRETTY_NAME=["']?(.*?)["']?$/m.exec(osRelease)?.[1] ?? systemName(), TEXT_MAX),
      kernel: cleanText(release(), TEXT_MAX),
      arch: arch(),
    },
  };
}

/** The first 64 KiB of a file as text, undefined when it cannot be read. */
export function readSmallFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').slice(0, FILE_BYTES_MAX);
  } catch {
    // Not every system has every file; the fact is then unknown, which is what the caller is told.
    return undefined;
  }
}
