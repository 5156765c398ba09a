/**
 * The samples of the simulated fleet as InfluxDB's line protocol: one line for all values of a sampler that share their
 * labels, as Telegraf writes them, which is the shortest text there is for them.
 */
import type { HostShape, SimulatedSampler } from './fleet/host.ts';
import { simulatedSamplers } from './fleet/host.ts';
import type { IngestSize } from './ingest-figures.ts';

/** A line without its host, its values and its time. */
interface LinePlan {
  readonly measurement: string;
  readonly tags: string;
  readonly fields: readonly { readonly name: string; readonly index: number }[];
}

/** Bodies of `lines` lines each, in order of time, and how many samples are in them. */
export function* lineBodies(
  size: IngestSize,
  lines: number,
): Iterable<{ readonly body: string; readonly samples: number }> {
  const samplers = simulatedSamplers(size.cpuCount, size.intervalMs).map((sampler) => ({
    sampler,
    plans: plansOf(sampler),
  }));
  let body: string[] = [];
  let samples = 0;
  for (let tick = 0; tick < size.ticks; tick++) {
    const timeMs = size.fromMs + tick * size.intervalMs;
    for (let index = 0; index < size.agents; index++) {
      const shape: HostShape = {
        index,
        fault: 'none',
        cpuCount: size.cpuCount,
        intervalMs: size.intervalMs,
      };
      for (const { sampler, plans } of samplers) {
        const { values } = sampler.block(1, (timeMs / 1000) % 10_000_000, shape);
        for (const { measurement, tags, fields } of plans) {
          const pairs = fields.map((field) => `${field.name}=${values[field.index]}`);
          body.push(
            `${measurement},instance=sim-${String(index).padStart(5, '0')}${tags} ${pairs.join(',')} ${timeMs}`,
          );
          samples += pairs.length;
        }
      }
      if (body.length < lines) continue;
      yield { body: body.join('\n'), samples };
      body = [];
      samples = 0;
    }
  }
  if (body.length > 0) yield { body: body.join('\n'), samples };
}

function plansOf({ schema }: SimulatedSampler): readonly LinePlan[] {
  const byTags = new Map<string, { name: string; index: number }[]>();
  let index = 0;
  for (const { name, labelNames, series } of schema.metrics) {
    for (const values of series) {
      const tags = labelNames.map((label, at) => `,${label}=${escapeTag(values[at] ?? '')}`).join('');
      const fields = byTags.get(tags) ?? [];
      fields.push({ name, index: index++ });
      byTags.set(tags, fields);
    }
  }
  return [...byTags].map(([tags, fields]) => ({ measurement: schema.sampler, tags, fields }));
}

/** Source: InfluxDB 1.x, "Line protocol reference", special characters. */
function escapeTag(value: string): string {
  return value.replaceAll(/[,= ]/g, (character) => `\\${character}`);
}
