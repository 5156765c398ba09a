import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { createQueryEngine } from '../query/query.ts';
import { inHostParts } from '../storage/testing/host-parts.ts';
import { Labels } from '../storage/labels.ts';
import { MemoryStorage } from '../storage/memory/memory.ts';
import { createAlerting, type Alerting } from './pipeline.ts';
import { World } from './testing/world.ts';

const ALL = { status: 'all', hostId: null, limit: 100 } as const;
const SIGNAL = new AbortController().signal;

/** A collector's alerting with rule files on real series. */
class FileWorld extends World {
  readonly storage = new MemoryStorage();
  readonly #folder: string;

  constructor(folder: string) {
    super();
    this.#folder = folder;
  }

  start(): Alerting {
    const storage = inHostParts(this.storage, 3);
    const engine = createQueryEngine({ storage, clock: this.clock });
    return createAlerting({
      state: this.state,
      clock: this.clock,
      random: () => 0.5,
      log: this.log,
      hosts: {
        list: () => [...this.hosts.values()],
        stateOf: () => 'unknown',
        outage: () => ({ kind: 'none' }),
        isInOutage: () => false,
      },
      evaluate: async (expression, timeMs, signal, options) => {
        const { value } = await engine.instant(expression, { timeMs, ...options }, signal);
        return value.kind === 'vector' ? value.samples : [];
      },
      receivers: [{ name: 'hook', notifier: this.hook }],
      rules: [],
      ruleFiles: { path: this.#folder, disk: nodeDisk },
      append: async (series) => void (await this.storage.append(series)),
      externalUrl: 'http://monitor.example.org',
      counters: this.counters,
    });
  }

  writeRules(text: string): void {
    writeFileSync(join(this.#folder, 'rules.yml'), `groups:\n- name: g\n  rules:\n${text}`);
  }

  async set(series: Readonly<Record<string, string>>, value: number | 'stale'): Promise<void> {
    const sample = {
      timeMs: this.clock.wallMs(),
      value: value === 'stale' ? NaN : value,
      isStale: value === 'stale',
    };
    await this.storage.append([{ labels: Labels.of(series), samples: [sample] }]);
  }

  /** The labels and values of an expression, as text. */
  async read(expression: string): Promise<readonly string[]> {
    const engine = createQueryEngine({ storage: this.storage, clock: this.clock });
    const { value } = await engine.instant(expression, { timeMs: this.clock.wallMs() }, SIGNAL);
    return value.kind === 'vector' ? value.samples.map((s) => `${s.labels.toString()} ${s.value}`) : [];
  }

  statuses(alerting: Alerting): readonly string[] {
    return alerting.incidents
      .list(ALL)
      .map(({ status, isHeld, title }) => `${status}${isHeld ? ' held' : ''} ${title}`)
      .reverse();
  }
}

const HOT = { __name__: 'temperature', instance: 'a', sensor: 'cpu' };
const RULE = `
  - alert: Hot
    expr: temperature > 80
    labels: {severity: critical, team: '{{ $labels.sensor }}s'}
    annotations: {summary: '{{ $labels.sensor }} of {{ $labels.instance }} at {{ $value }}, {{ query "count(temperature)" | first | value }} known'}
`;

async function inWorld(run: (world: FileWorld) => Promise<void>): Promise<void> {
  using folder = tempDir();
  const world = new FileWorld(folder.path);
  world.setHost('a', 'up');
  await run(world);
}

describe('rules of files', () => {
  it('open an incident with the words of the file, and end it when the series says so', async () => {
    await inWorld(async (world) => {
      world.writeRules(RULE);
      const alerting = world.start();
      await world.set(HOT, 90);
      await alerting.evaluateOnce();
      expect(world.statuses(alerting)).toEqual(['open cpu of a at 90, 1 known']);
      expect(alerting.incidents.list(ALL)[0]).toMatchObject({
        rule: 'Hot',
        severity: 'page',
        hostName: 'a',
        labels: { alertname: 'Hot', instance: 'a', sensor: 'cpu', severity: 'critical', team: 'cpus' },
      });
      await world.clock.advance(10_000);
      await world.set(HOT, 70);
      world.refresh();
      await alerting.evaluateOnce();
      expect(world.statuses(alerting)).toEqual(['resolved cpu of a at 90, 1 known']);
      await alerting.stop();
    });
  });

  it('have texts with hosts in order, though the rule itself takes them in parts', async () => {
    await inWorld(async (world) => {
      world.writeRules(
        RULE.replace(
          /summary: '.*'/,
          `summary: '{{ range query "temperature" }}{{ .Labels.instance }} {{ end }}'`,
        ),
      );
      const alerting = world.start();
      for (const instance of ['c', 'f', 'e', 'b', 'd']) await world.set({ ...HOT, instance }, 20);
      await world.set(HOT, 90);
      await alerting.evaluateOnce();
      expect(world.statuses(alerting)).toEqual(['open a b c d e f']);
      await alerting.stop();
    });
  });

  it('are held while the host is silent, and while its sampler fails', async () => {
    await inWorld(async (world) => {
      world.writeRules(RULE);
      const alerting = world.start();
      await world.set(HOT, 90);
      await alerting.evaluateOnce();
      world.setHost('a', 'down');
      await world.clock.advance(600_000);
      await alerting.evaluateOnce();
      expect(world.statuses(alerting)).toEqual(['open held cpu of a at 90, 1 known']);
      for (let minute = 0; minute < 10; minute++) {
        world.setHost('a', 'up');
        await world.set({ __name__: 'node_scrape_collector_success', instance: 'a', collector: 'hwmon' }, 0);
        await alerting.evaluateOnce();
        await world.clock.advance(60_000);
      }
      expect(world.statuses(alerting)[0]).toMatch(/^open/);
      // The sampler works again and the series is not there: after five minutes it is gone.
      for (let minute = 0; minute < 7; minute++) {
        world.setHost('a', 'up');
        await world.set({ __name__: 'node_scrape_collector_success', instance: 'a', collector: 'hwmon' }, 1);
        await alerting.evaluateOnce();
        await world.clock.advance(60_000);
      }
      expect(world.statuses(alerting)[0]).toMatch(/^resolved/);
      expect(alerting.incidents.list(ALL)).toHaveLength(1);
      await alerting.stop();
    });
  });

  it.each(['down', 'suspect', 'planned'] as const)(
    'are raised and ended about a host that is %s where they ask only what the collector knows by itself',
    async (state) => {
      await inWorld(async (world) => {
        world.writeRules(`
  - {alert: InstanceDown, expr: 'up == 0'}
  - {alert: Twice, expr: 'rollcall_host_key_conflict == 1'}
  - {alert: Other, expr: 'up == 0 and on (instance) temperature > 80'}
`);
        const alerting = world.start();
        world.setHost('a', state);
        await world.set(HOT, 90);
        const told = { up: 0, rollcall_host_key_conflict: 1 };
        for (const [name, value] of Object.entries(told))
          await world.set({ __name__: name, instance: 'a' }, value);
        await alerting.evaluateOnce();
        expect(world.statuses(alerting)).toEqual(['open InstanceDown a', 'open Twice a']);
        await world.clock.advance(10_000);
        world.setHost('a', 'unknown');
        await alerting.evaluateOnce();
        expect(world.statuses(alerting)).toEqual(['open held InstanceDown a', 'open held Twice a']);
        await world.clock.advance(10_000);
        world.setHost('a', state);
        for (const [name, value] of Object.entries(told))
          await world.set({ __name__: name, instance: 'a' }, 1 - value);
        await alerting.evaluateOnce();
        expect(world.statuses(alerting)).toEqual(['resolved InstanceDown a', 'resolved Twice a']);
        await alerting.stop();
      });
    },
  );

  it('wait, and go on firing, for as long as they say', async () => {
    await inWorld(async (world) => {
      world.writeRules(`  - {alert: Hot, expr: temperature > 80, for: 1m, keep_firing_for: 2m}\n`);
      const alerting = world.start();
      const seen: string[] = [];
      for (const value of [90, 90, 70, 70, 90, 70, 70, 70]) {
        world.refresh();
        await world.set(HOT, value);
        await alerting.evaluateOnce();
        seen.push(world.statuses(alerting).join() || 'none');
        await world.clock.advance(60_000);
      }
      expect(seen).toEqual(['none', ...Array.from({ length: 6 }, () => 'open Hot a'), 'resolved Hot a']);
      await alerting.stop();
    });
  });

  it('record series for those that follow, and tell of alerts as series', async () => {
    await inWorld(async (world) => {
      world.writeRules(`
  - {record: 'hot:count', expr: 'count(temperature > 80)', labels: {kind: agg}}
  - {alert: Many, expr: 'hot:count > 1', labels: {severity: info}}
`);
      const alerting = world.start();
      await world.set(HOT, 90);
      await world.set({ ...HOT, sensor: 'gpu' }, 95);
      await alerting.evaluateOnce();
      expect(await world.read('hot:count')).toEqual(['hot:count{kind="agg"} 2']);
      expect(await world.read('ALERTS')).toEqual([
        'ALERTS{alertname="Many", alertstate="firing", kind="agg", severity="info"} 1',
      ]);
      expect(world.outboxCounts()).toEqual({ suppressed: 1 });
      await world.clock.advance(5_000);
      await world.set(HOT, 20);
      await world.set({ ...HOT, sensor: 'gpu' }, 20);
      await alerting.evaluateOnce();
      expect(await world.read('hot:count')).toEqual([]);
      await alerting.stop();
    });
  });

  it('judge what belongs to no host by the series alone', async () => {
    await inWorld(async (world) => {
      world.writeRules(`  - {alert: Backup, expr: 'time() - backup_done_seconds > 100'}\n`);
      const alerting = world.start();
      const job = { __name__: 'backup_done_seconds', job: 'pushed', instance: 'elsewhere' };
      await world.set(job, world.clock.wallMs() / 1000 - 200);
      await alerting.evaluateOnce();
      expect(world.statuses(alerting)).toEqual(['open Backup elsewhere']);
      await world.clock.advance(5_000);
      await world.set(job, world.clock.wallMs() / 1000);
      await alerting.evaluateOnce();
      expect(world.statuses(alerting)).toEqual(['resolved Backup elsewhere']);
      await alerting.stop();
    });
  });

  it('take over changes while they run: a rule that is gone closes its incidents, a broken file changes nothing', async () => {
    await inWorld(async (world) => {
      world.writeRules(RULE);
      const alerting = world.start();
      alerting.start();
      await world.set(HOT, 90);
      await world.clock.advance(5_000);
      expect(world.statuses(alerting)[0]).toMatch(/^open/);
      world.writeRules('  - nonsense');
      await world.clock.advance(20_000);
      expect(world.statuses(alerting)[0]).toMatch(/^open/);
      expect(world.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
      expect(alerting.rules().problems).toHaveLength(1);
      world.writeRules('  - {alert: Other, expr: temperature > 800}\n');
      await world.clock.advance(20_000);
      expect(world.statuses(alerting)).toEqual(['resolved cpu of a at 90, 1 known']);
      expect(world.hook.texts.at(-1)).toMatch(/^closed/);
      await alerting.stop();
    });
  });

  it('keep their alerts over a restart', async () => {
    await inWorld(async (world) => {
      world.writeRules(RULE);
      const first = world.start();
      await world.set(HOT, 90);
      await first.evaluateOnce();
      await first.stop();
      const second = world.start();
      await world.clock.advance(5_000);
      await second.evaluateOnce();
      expect(world.statuses(second)).toEqual(['open cpu of a at 90, 1 known']);
      await second.stop();
    });
  });

  it('change nothing when they fail: two alerts with one identity, or too many', async () => {
    await inWorld(async (world) => {
      world.writeRules(`  - {alert: Hot, expr: temperature > 80, labels: {sensor: any}}\n`);
      const alerting = world.start();
      await world.set(HOT, 90);
      await alerting.evaluateOnce();
      await world.set({ ...HOT, sensor: 'gpu' }, 90);
      await world.clock.advance(5_000);
      await alerting.evaluateOnce();
      expect(world.statuses(alerting)).toEqual(['open Hot a']);
      const [group] = alerting.rules().book.groups;
      const health = alerting.rules().healthOf(group?.steps[0]?.id ?? '');
      expect(health?.error).toMatch(/same labelset/);
      await alerting.stop();
    });
  });
});
