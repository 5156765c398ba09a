/** `show`: everything that the agent would send about this machine, and what it read for it, for people or programs. */
import type { CanonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { parseJsonObject, type JsonObject } from '@rollcall/shared/protocol/json.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import type { ManifestEntry, ManifestLists } from '../inventory/manifest.ts';
import type { MissingSection } from '../inventory/report.ts';
import { formatValues } from '../samplers/text.ts';
import type { DatedSnapshot } from '../samplers/processes/watch.ts';
import type { SamplerResult } from '../scheduler/sampler-run.ts';
import type { Tick } from '../scheduler/tick.ts';
import type { MachineFacts } from './facts.ts';
import { programText } from './program-text.ts';

export interface Shown {
  readonly facts: MachineFacts;
  /** What holds of the settings that a collector may change, and who set it. */
  readonly settings: readonly { readonly key: string; readonly value: string; readonly origin: string }[];
  readonly tick: Tick;
  readonly sections: readonly CanonicalSection[];
  readonly missing: readonly MissingSection[];
  readonly manifest: ManifestLists;
  /** What would be told if the machine were under strain; undefined when it is excluded, or there is none here. */
  readonly processes: DatedSnapshot | undefined;
}

/** Metrics in the text format of Prometheus, each inventory section as JSON, then what was read. */
export function showText({ facts, settings, tick, sections, missing, manifest, processes }: Shown): string {
  const lines = [
    '# machine',
    JSON.stringify(facts, null, 2),
    '',
    '# settings that a collector may change, and who set them',
    ...settings.map(({ key, value, origin }) => `${key}: ${value}  (${origin})`),
  ];
  for (const result of tick.results) {
    lines.push('', `# metrics of ${result.sampler}`, ...linesOf(result));
  }
  for (const section of sections) {
    lines.push('', `# inventory of ${section.name}`, JSON.stringify(contentOf(section), null, 2));
  }
  for (const { name, reason } of missing) {
    lines.push('', `# inventory of ${name}`, `# failed: ${reason}`);
  }
  if (processes !== undefined) {
    lines.push(
      '',
      '# programs, told while the machine is under strain',
      ...processes.programs.map(programText),
    );
  }
  lines.push(
    '',
    `# files and folders that were read: ${manifest.files.length}`,
    ...manifest.files.map(entryLine),
  );
  lines.push(
    '',
    `# programs that were run: ${manifest.programs.length}`,
    ...manifest.programs.map(entryLine),
  );
  return `${lines.join('\n')}\n`;
}

/** The same as one JSON object: facts, metrics and failures by sampler, inventory by section, programs or null, manifest. */
export function showJson({ facts, settings, tick, sections, missing, manifest, processes }: Shown): string {
  const metrics: Record<string, readonly string[]> = {};
  const failures: Record<string, string> = {};
  for (const result of tick.results) {
    if (result.kind === 'values') metrics[result.sampler] = linesOf(result);
    else failures[result.sampler] = describeError(result.error);
  }
  const inventory = Object.fromEntries(sections.map((section) => [section.name, contentOf(section)]));
  const shown = {
    facts,
    settings,
    metrics,
    failures,
    inventory,
    processes: processes ?? null,
    missing,
    manifest,
  };
  return `${JSON.stringify(shown, null, 2)}\n`;
}

function entryLine({ what, outcome }: ManifestEntry): string {
  return outcome === 'ok' ? what : `${what}  (${outcome.replace('_', ' ')})`;
}

function linesOf(result: SamplerResult): readonly string[] {
  if (result.kind === 'failed') return [`# failed: ${describeError(result.error)}`];
  const failed = result.problems.map(({ what, error }) => `# failed: ${what}: ${describeError(error)}`);
  return [...result.parts.flatMap((part) => formatValues(part)), ...failed];
}

function contentOf(section: CanonicalSection): JsonObject {
  return parseJsonObject(section.bytes, LIMITS.inventoryBytes);
}
