/** Where sections come from: files through the Host port, and programs of a fixed list. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { NOT_READABLE, type InventoryRecord } from '@rollcall/shared/inventory/canonical.ts';
import { HostError, isAbsent, type Host } from '../host/host.ts';
import type { CommandName } from './commands.ts';
import { meaningful } from './raw.ts';

/** The machine as the inventory sees it. */
export interface Source {
  readonly host: Host;
  /**
   * What a program of the list prints on standard output.
   * @param operand for commands that take one
   * @throws HostError absent (not installed), denied, timeout, too_large, io
   */
  run(command: CommandName, operand?: string): Promise<string>;
}

/** Reads one section. */
export interface SectionReader {
  readonly name: string;
  /**
   * The section; undefined when this machine has no such thing as its source (no package manager, no systemd). What is
   * kept from us stands in it as NOT_READABLE, what is not there as null or an empty list.
   * @throws HostError when it could not be read this time
   */
  read(source: Source): Promise<InventoryRecord | undefined> | InventoryRecord | undefined;
}

/**
 * Content of a file as text, undefined when there is none.
 * @throws HostError denied, too_large, io
 */
export function readText(host: Host, path: string): string | undefined {
  try {
    return host.readOnce(path).toString();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** The one value that a file holds: null when there is none, NOT_READABLE when it is kept from us. */
export function readFact(host: Host, path: string): string | null {
  try {
    return meaningful(readText(host, path)?.trim());
  } catch (error) {
    if (isDenied(error)) return NOT_READABLE;
    if (error instanceof HostError) return null;
    throw error;
  }
}

/** A copy of the bytes of a file, undefined when they cannot be read. */
export function readBytes(host: Host, path: string): Buffer | undefined {
  try {
    return Buffer.from(host.readOnce(path));
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}

/** Names in a folder in order, none when there is no such folder. @throws HostError denied, io */
export function listNames(host: Host, path: string): readonly string[] {
  try {
    return [...host.list(path)].sort(compareUtf8);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Where a link points, undefined when there is none or it may not be followed. */
export function linkTarget(host: Host, path: string): string | undefined {
  try {
    return host.readLink(path);
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function isDenied(error: unknown): boolean {
  return error instanceof HostError && error.kind === 'denied';
}
