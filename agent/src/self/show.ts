/** `show`: everything that the agent would send about this machine, for people or for programs. */
import type { InventorySection } from '@rollcall/shared/inventory/canonical.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { parseJsonObject, type JsonObject } from '@rollcall/shared/protocol/json.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import type { CanonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { formatValues } from '../samplers/text.ts';
import type { SamplerResult, Tick } from '../scheduler/tick.ts';
import type { MachineFacts } from './facts.ts';

export interface Shown {
  readonly facts: MachineFacts;
  readonly tick: Tick;
  readonly sections: readonly CanonicalSection[];
  /** Names of sections that could not be read. */
  readonly missing: readonly InventorySection['name'][];
}

/** Metrics in the text format of Prometheus, then each inventory section as JSON. */
export function showText({ facts, tick, sections, missing }: Shown): string {
  const lines = ['# machine', JSON.stringify(facts, null, 2)];
  for (const result of tick.results) {
    lines.push('', `# metrics of ${result.sampler}`, ...linesOf(result));
  }
  for (const section of sections) {
    lines.push('', `# inventory of ${section.name}`, JSON.stringify(contentOf(section), null, 2));
  }
  if (missing.length > 0) lines.push('', `# inventory that could not be read: ${missing.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

/** The same as one JSON object: facts, metrics by sampler, failures by sampler, inventory by section. */
export function showJson({ facts, tick, sections, missing }: Shown): string {
  const metrics: Record<string, readonly string[]> = {};
  const failures: Record<string, string> = {};
  for (const result of tick.results) {
    if (result.kind === 'values') metrics[result.sampler] = linesOf(result);
    else failures[result.sampler] = describeError(result.error);
  }
  const inventory = Object.fromEntries(sections.map((section) => [section.name, contentOf(section)]));
  return `${JSON.stringify({ facts, metrics, failures, inventory, missing }, null, 2)}\n`;
}

function linesOf(result: SamplerResult): readonly string[] {
  if (result.kind === 'failed') return [`# failed: ${describeError(result.error)}`];
  return result.parts.flatMap((part) => formatValues(part));
}

function contentOf(section: CanonicalSection): JsonObject {
  return parseJsonObject(section.bytes, LIMITS.inventoryBytes);
}
