/**
 * What the inventory's process prints, one line each, so that the resident agent takes it apart without parsing what
 * may be a megabyte:
 *
 *     section <name> <canonical JSON>
 *     missing <name> <why>
 *     manifest <JSON of ManifestLists>
 */
import { sectionHash, type CanonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { HostError } from '../host/host.ts';
import type { ManifestEntry, ManifestLists, ReadOutcome } from './manifest.ts';
import { isRecord, records } from './raw.ts';

/** A section that could not be read this time; what is known of it stays as it is. */
export interface MissingSection {
  readonly name: string;
  /** For people. */
  readonly reason: string;
}

export interface InventoryReading {
  /** Ready to travel, in the order of their register. */
  readonly sections: readonly CanonicalSection[];
  readonly missing: readonly MissingSection[];
  /** What was read for it. */
  readonly manifest: ManifestLists;
}

/** Argument of the process when nobody waits for it. */
export const BACKGROUND = '--background';

const REASON_LENGTH_MAX = 500;
const LINE = /^(section|missing|manifest) (?:([a-z][a-z0-9_]{0,31}) )?/;
const ENTRIES_MAX = 40_000;
const OUTCOMES: readonly ReadOutcome[] = [
  'ok',
  'asked',
  'absent',
  'denied',
  'unsupported',
  'too_large',
  'timeout',
  'io',
];

export function sectionLine({ name, bytes }: CanonicalSection): string {
  return `section ${name} ${bytes.toString()}\n`;
}

export function missingLine({ name, reason }: MissingSection): string {
  return `missing ${name} ${cleanText(reason, REASON_LENGTH_MAX)}\n`;
}

export function manifestLine(manifest: ManifestLists): string {
  return `manifest ${JSON.stringify(manifest)}\n`;
}

/** @throws HostError io when it is not what the process prints, or the last line is cut off */
export function parseReport(output: Buffer): InventoryReading {
  const sections: CanonicalSection[] = [];
  const missing: MissingSection[] = [];
  let manifest: ManifestLists | undefined;
  for (let from = 0; from < output.length;) {
    const newline = output.indexOf(0x0a, from);
    if (newline === -1) throw broken('ends within a line');
    const head = LINE.exec(output.toString('latin1', from, Math.min(newline, from + 64)));
    const [prefix = '', kind, name] = head ?? [];
    const rest = output.subarray(from + prefix.length, newline);
    if (kind === 'manifest' && name === undefined) manifest = parseManifest(rest.toString());
    else if (kind === 'missing' && name !== undefined) missing.push({ name, reason: rest.toString() });
    else if (kind === 'section' && name !== undefined && rest.length > 1) sections.push(section(name, rest));
    else throw broken('has a line that is none of its own');
    from = newline + 1;
  }
  // It comes last, so without it the process has not said everything.
  if (manifest === undefined) throw broken('has no manifest');
  return { sections, missing, manifest };
}

function section(name: string, view: Buffer): CanonicalSection {
  // A copy: the view would keep the whole output in memory for as long as one section is kept.
  const bytes = Buffer.from(view);
  return { name, bytes, hash: sectionHash(bytes) };
}

function parseManifest(json: string): ManifestLists {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw broken('has a manifest that is no JSON', error);
  }
  if (!isRecord(value)) throw broken('has a manifest that is no object');
  return { files: entries(value['files']), programs: entries(value['programs']) };
}

function entries(value: unknown): ManifestEntry[] {
  return records(value, ENTRIES_MAX).flatMap(({ what, outcome }) => {
    const known = OUTCOMES.find((each) => each === outcome);
    return typeof what === 'string' && known !== undefined ? [{ what, outcome: known }] : [];
  });
}

function broken(why: string, cause?: unknown): HostError {
  return new HostError('io', `read the answer of the inventory program: it ${why}`, { cause });
}
