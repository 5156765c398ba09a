/** A real Prometheus over a dataset, for comparison. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { Labels } from '../../collector/src/storage/labels.ts';
import { freePort } from '../harness/ports.ts';

/** Whether the programs `prometheus` and `promtool` are installed. */
export function hasPrometheus(): boolean {
  return ['prometheus', 'promtool'].every((program) => spawnSync(program, ['--version']).status === 0);
}

const sample = z.tuple([z.number(), z.string()]);
const answer = z.discriminatedUnion('status', [
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
  z.object({
    status: z.literal('success'),
    data: z.object({
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), values: z.array(sample) })),
    }),
  }),
]);
const instantAnswer = z.discriminatedUnion('status', [
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
  z.object({
    status: z.literal('success'),
    data: z.object({
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: sample })),
    }),
  }),
]);

/** An answer of the query API, checked. */
export type ReferenceAnswer = z.infer<typeof answer>;

/** A running Prometheus. */
export interface Reference {
  queryRange(
    query: string,
    times: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
  ): Promise<ReferenceAnswer>;
  /** The same, but made of one instant query per step; `@ start()` and `@ end()` are written out. */
  queryEachStep(
    query: string,
    times: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
  ): Promise<ReferenceAnswer>;
  stop(): Promise<void>;
}

/** Starts Prometheus on a free port with the OpenMetrics text as its data; `folder` is empty and may be written. */
export async function startPrometheus(folder: string, openMetrics: string): Promise<Reference> {
  const [metricsPath, configPath, dataPath] = [
    join(folder, 'data.om'),
    join(folder, 'p.yml'),
    join(folder, 'tsdb'),
  ];
  writeFileSync(metricsPath, openMetrics);
  writeFileSync(configPath, 'global: {}\n');
  execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', metricsPath, dataPath]);
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${configPath}`,
      `--storage.tsdb.path=${dataPath}`,
      '--storage.tsdb.retention.time=100y',
      `--web.listen-address=${address}`,
    ],
    { stdio: 'ignore' },
  );
  await ready(`http://${address}/-/ready`);
  return {
    async queryRange(query, { startMs, endMs, stepMs }) {
      const [start, end, step] = [startMs, endMs, stepMs].map((ms) => String(ms / 1000));
      const body = new URLSearchParams({ query, start: start ?? '', end: end ?? '', step: step ?? '' });
      const response = await fetch(`http://${address}/api/v1/query_range`, { method: 'POST', body });
      return answer.parse(await response.json());
    },
    async queryEachStep(query, { startMs, endMs, stepMs }) {
      const text = query
        .replaceAll('@ start()', `@ ${startMs / 1000}`)
        .replaceAll('@ end()', `@ ${endMs / 1000}`);
      const series = new Map<string, { metric: Record<string, string>; values: [number, string][] }>();
      for (let timeMs = startMs; timeMs <= endMs; timeMs += stepMs) {
        const body = new URLSearchParams({ query: text, time: String(timeMs / 1000) });
        const response = await fetch(`http://${address}/api/v1/query`, { method: 'POST', body });
        const one = instantAnswer.parse(await response.json());
        if (one.status === 'error') return one;
        for (const { metric, value } of one.data.result) {
          const key = Labels.of(metric).key;
          const known = series.get(key) ?? { metric, values: [] };
          known.values.push(value);
          series.set(key, known);
        }
      }
      return { status: 'success', data: { result: [...series.values()] } };
    },
    async stop() {
      child.kill();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

async function ready(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await wait(100);
  }
  throw new Error(`prometheus did not get ready at ${url}`);
}
