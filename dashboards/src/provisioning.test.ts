import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { mirrorConfigSchema } from '../../collector/src/storage/store-config.ts';

const ROOT = join(import.meta.dirname, '../..');
const GUIDE = readFileSync(join(ROOT, 'docs/grafana.md'), 'utf8');

function files(pattern: string): readonly (readonly [name: string, path: string])[] {
  return globSync(pattern, { cwd: ROOT }).map((path) => [basename(path), join(ROOT, path)] as const);
}

/** The file, which must be YAML without doubled keys, in this shape. */
function read<T>(path: string, shape: z.ZodType<T>): T {
  return shape.parse(parse(readFileSync(path, 'utf8'), { uniqueKeys: true }));
}

const sources = z.strictObject({
  apiVersion: z.literal(1),
  datasources: z
    .array(
      z.strictObject({
        name: z.string(),
        uid: z.string().regex(/^rollcall[a-z\d-]*$/),
        type: z.enum(['prometheus', 'influxdb', 'alertmanager']),
        access: z.literal('proxy'),
        url: z.string().regex(/^\$[A-Z]+_URL$/),
        user: z.string().optional(),
        isDefault: z.boolean().optional(),
        jsonData: z.record(z.string(), z.union([z.string(), z.boolean()])),
        secureJsonData: z.record(z.string(), z.string().regex(/^(?:Bearer |Token )?\$[A-Z_]+$/)).optional(),
      }),
    )
    .length(1),
});

const providers = z.strictObject({
  apiVersion: z.literal(1),
  providers: z
    .array(
      z.strictObject({
        name: z.string(),
        folder: z.string(),
        type: z.literal('file'),
        disableDeletion: z.boolean(),
        allowUiUpdates: z.boolean(),
        updateIntervalSeconds: z.int().min(10),
        options: z.strictObject({
          path: z.string().regex(/^\/etc\/rollcall\/dashboards\/(?:prometheus|influxql)$/),
          foldersFromFilesStructure: z.boolean(),
        }),
      }),
    )
    .length(1),
});

const compose = z.strictObject({
  name: z.string(),
  services: z.record(
    z.string(),
    z.strictObject({
      image: z.string().regex(/^[a-z\d/-]+:[\w.-]+$/),
      working_dir: z.string().optional(),
      command: z.union([z.string(), z.array(z.string())]).optional(),
      depends_on: z.array(z.string()).optional(),
      environment: z.record(z.string(), z.string()).optional(),
      volumes: z.array(z.string()).optional(),
      ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/)).optional(),
    }),
  ),
  volumes: z.record(z.string(), z.strictObject({})),
});

describe('data sources for Grafana', () => {
  it.each(files('dashboards/provisioning/datasources/*.yaml'))('%s has what Grafana reads', (name, path) => {
    const [source] = read(path, sources).datasources;
    // Without the interval of the agents, rates over short ranges come out empty.
    const needed = {
      prometheus: { timeInterval: '10s', httpMethod: 'POST' },
      influxdb: { timeInterval: '10s', version: 'InfluxQL', dbName: 'rollcall' },
      alertmanager: { implementation: 'prometheus' },
    }[source?.type ?? 'prometheus'];
    expect(source?.jsonData).toMatchObject(needed);
    expect(GUIDE).toContain(name);
  });

  it('have different names and addresses', () => {
    const all = files('dashboards/provisioning/datasources/*.yaml').flatMap(
      ([, path]) => read(path, sources).datasources,
    );
    expect(all.length).toBe(5);
    expect(new Set(all.map(({ uid }) => uid)).size).toBe(5);
    expect(new Set(all.map(({ name }) => name)).size).toBe(5);
  });

  it('name every variable that has to be set in their first lines', () => {
    for (const [name, path] of files('dashboards/provisioning/datasources/*.yaml')) {
      const text = readFileSync(path, 'utf8');
      const head = text.slice(0, text.indexOf('apiVersion'));
      for (const [, variable = ''] of text.matchAll(/\$([A-Z_]+)/g))
        expect([name, head]).toEqual([name, expect.stringContaining(variable)]);
    }
  });
});

describe('folders of boards for Grafana', () => {
  it.each(files('dashboards/provisioning/dashboards/*.yaml'))(
    '%s names a folder that there is',
    (_name, path) => {
      const [provider] = read(path, providers).providers;
      expect(existsSync(join(ROOT, 'dashboards', basename(provider?.options.path ?? '')))).toBe(true);
    },
  );
});

describe('compose files', () => {
  const all = files('deploy/compose/*.yaml').filter(([name]) => !name.endsWith('.config.yaml'));

  it('are there for each store', () => {
    expect(all.map(([name]) => name).toSorted()).toEqual([
      'influxdb.yaml',
      'rollcall.yaml',
      'victoria-metrics.yaml',
    ]);
  });

  it.each(all)('%s mounts what exists, starts what is there, and sets what Grafana needs', (name, path) => {
    const { services, volumes } = read(path, compose);
    expect(GUIDE).toContain(`deploy/compose/${name}`);
    for (const service of Object.values(services)) {
      for (const before of service.depends_on ?? []) expect(services).toHaveProperty([before]);
      for (const volume of service.volumes ?? []) {
        const [from = ''] = volume.split(':');
        const isThere = from.startsWith('.') ? existsSync(resolve(dirname(path), from)) : from in volumes;
        expect([volume, isThere]).toEqual([volume, true]);
      }
      const command = [service.command ?? ''].flat().join(' ');
      for (const [file] of command.matchAll(/[\w./-]+\.(?:mjs|yaml)/g)) {
        expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
      }
    }
    const grafana = services['grafana'];
    const mounted = grafana?.volumes?.find((volume) => volume.includes('datasources/')) ?? '';
    const source = readFileSync(resolve(dirname(path), mounted.split(':')[0] ?? ''), 'utf8');
    const wanted = [...source.matchAll(/^[^#\n]*\$([A-Z_]+)/gm)].map(([, variable = '']) => variable);
    expect(Object.keys(grafana?.environment ?? {}).toSorted()).toEqual([...new Set(wanted)].toSorted());
  });

  it.each(files('deploy/compose/*.config.yaml'))(
    '%s are settings that the collector takes',
    (_name, path) => {
      const { mirrors } = read(path, z.strictObject({ mirrors: z.array(mirrorConfigSchema).length(1) }));
      expect(mirrors[0]?.url).toMatch(/^http:\/\/store:\d+$/);
    },
  );
});
