import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALERTING_COUNTERS } from '../../collector/src/alerting/counters.ts';
import { REMOTE_COUNTERS } from '../../collector/src/api/remote/counters.ts';
import {
  collectorGauges,
  FLEET_COUNTERS,
  GATEWAY_TABLE,
  READER_COUNTERS,
} from '../../collector/src/self/figures.ts';
import { createSelfMetrics, type CounterTable } from '../../collector/src/self/metrics.ts';
import { boardJson, type Board } from './board.ts';
import { COLLECTOR_LABELS } from './boards/collector.ts';
import { HOST_BOARD } from './boards/host.ts';
import { boardFiles } from './files.ts';
import type { Dashboard } from './grafana.ts';
import { BOARDS } from './list.ts';
import { CHECKS, panelsOf, queriesOf, type Check } from './testing/checks.ts';

const FOLDER = join(import.meta.dirname, '..');
const FLAVOURS = ['prometheus', 'influxql'] as const;

const COUNTERS: CounterTable = {
  ...ALERTING_COUNTERS,
  ...FLEET_COUNTERS,
  ...GATEWAY_TABLE,
  ...READER_COUNTERS,
  ...REMOTE_COUNTERS,
};
const GAUGES = collectorGauges({
  journal: () => ({
    rows: 0,
    bytes: 0,
    samples: 0,
    isWritable: true,
    commits: 0,
    failedCommits: 0,
    duplicates: 0,
    rejectedRecords: 0,
    refusedBlocks: 0,
  }),
  hosts: () => ({ unknown: 0, up: 0, suspect: 0, down: 0, planned: 0 }),
  connectedAgents: () => 0,
  connections: () => 0,
  alerting: () => ({
    openIncidents: 0,
    unsent: { queued: 0, sending: 0, waiting: 0 },
    oldestUnsentMs: null,
    pendingInstances: 0,
    evaluatedMs: null,
  }),
  nowMs: () => 0,
});

/** What exists besides the catalogue: the collector's own figures, and what it makes of presence and rules. */
async function otherMetrics(): Promise<ReadonlySet<string>> {
  const { text } = await createSelfMetrics({ counters: [COUNTERS], gauges: GAUGES }).read();
  const own = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  return new Set([...own, 'ALERTS', 'ALERTS_FOR_STATE', 'rollcall_host_state', 'rollcall_host_info']);
}

const metrics = await otherMetrics();

describe.each(BOARDS.map((board) => [board.title, board] as const))('%s', (_title, board) => {
  describe.each(FLAVOURS)('for %s', (flavour) => {
    const json = boardJson(board, flavour);
    it.each(Object.entries<Check>(CHECKS))('%s', (_rule, check) => {
      expect(check(json, flavour, metrics)).toEqual([]);
    });
  });
});

describe('the checks', () => {
  const good = boardJson(HOST_BOARD, 'prometheus');
  /** The board with one text replaced wherever it stands. */
  const spoilt = (from: string, to: string): Dashboard =>
    JSON.parse(JSON.stringify(good), (_key, value: unknown) =>
      typeof value === 'string' ? value.replaceAll(from, to) : value,
    );
  const find = (rule: keyof typeof CHECKS, board: Dashboard, known = metrics) => {
    const check: Check = CHECKS[rule];
    return check(board, 'prometheus', known);
  };

  it.each<[keyof typeof CHECKS, from: string, to: string]>([
    ['has an address of its own and no number of one installation', 'rollcall-host', 'Host'],
    ['names every panel of a section differently', 'Swapping', 'Swap'],
    ['has units that Grafana knows', 'percentunit', 'per cent'],
    ['takes its data source from the variable, everywhere', '${datasource}', 'prometheus-1'],
    ['defines every variable that it uses, and uses every one', '$host', '$node'],
    ['takes rates over the interval that fits the source', '$__rate_interval', '5m'],
    ['names no job and no host', 'instance="$host"', 'instance="web-1"'],
    ['asks for one job or host wherever it asks for hosts', 'job=~"$job",', ''],
    ['is PromQL', 'rate(', 'rates('],
    ['asks for metrics that somebody makes', 'node_load5', 'node_load6'],
    ['shows labels in legends that the result has', '{{mode}}', '{{state}}'],
  ])('"%s" finds it', (rule, from, to) => {
    expect(find(rule, good)).toEqual([]);
    expect(find(rule, spoilt(from, to))).not.toEqual([]);
  });

  it('find panels that overlap, share a number, say nothing, or never look again', () => {
    const [, first, second] = good.panels;
    if (first === undefined || second === undefined) throw new Error('the board has no panels');
    const twice = {
      ...good,
      panels: [first, { ...second, id: first.id, gridPos: first.gridPos, description: '' }],
    };
    expect(find('numbers every panel differently', twice)).toEqual([String(first.id)]);
    expect(find('lays no panel over another', twice)).toEqual([`${first.title} and ${second.title}`]);
    expect(find('says on every panel what to do', twice)).toEqual([second.title]);
    const lazy = {
      ...good,
      templating: { list: good.templating.list.map((one) => ({ ...one, refresh: 1 as const })) },
    };
    expect(find('looks up the values of variables again when the time changes', lazy)).toEqual([
      'job',
      'host',
    ]);
  });
});

describe('all boards together', () => {
  const all = BOARDS.flatMap((board) => FLAVOURS.map((flavour) => boardJson(board, flavour)));

  it('have different addresses and titles', () => {
    expect(new Set(all.map(({ uid }) => uid)).size).toBe(all.length);
    expect(new Set(all.map(({ title }) => title)).size).toBe(all.length);
  });

  it('link only to boards that exist', () => {
    const uids = new Set(all.map(({ uid }) => uid));
    const linked = [...JSON.stringify(all).matchAll(/"\/d\/([\w-]+)/g)].map(([, uid = '']) => uid);
    expect(linked.length).toBeGreaterThan(0);
    expect(linked.filter((uid) => !uids.has(uid))).toEqual([]);
  });

  it('know the labels of the figures of the collector', () => {
    const used = queriesOf(boardJson(BOARDS.at(-1) ?? HOST_BOARD, 'prometheus'))
      .map(({ text }) => text)
      .join('\n');
    for (const [name, labels] of Object.entries(COLLECTOR_LABELS)) {
      expect(used).toContain(name);
      const gauge = GAUGES.find((row) => row.name === name);
      expect([name, labels]).toEqual([name, gauge === undefined ? COUNTERS[name]?.labels : [gauge.label]]);
    }
    const labelled = Object.entries(COUNTERS).filter(([, { labels }]) => labels.length > 0);
    const forgotten = labelled.filter(([name]) => used.includes(name) && !(name in COLLECTOR_LABELS));
    expect(forgotten.map(([name]) => name)).toEqual([]);
  });

  it('show on the first screen of a host whether it is all right, without anything unfolded', () => {
    const open = boardJson(HOST_BOARD, 'prometheus').panels.filter(({ type }) => type !== 'row');
    const dials = open.filter(({ type }) => type === 'gauge' || type === 'stat');
    expect(dials.length).toBeGreaterThanOrEqual(10);
    expect(Math.max(...dials.map(({ gridPos }) => gridPos.y + gridPos.h))).toBeLessThanOrEqual(12);
  });
});

describe('numbers of panels', () => {
  it('stay when a panel is moved, and change with its title', () => {
    const [first, ...rest] = HOST_BOARD.sections;
    if (first === undefined) throw new Error('the board has no sections');
    const moved: Board = {
      ...HOST_BOARD,
      sections: [...rest, { ...first, panels: first.panels.toReversed() }],
    };
    const ids = (board: Board) =>
      new Map(
        panelsOf(boardJson(board, 'prometheus')).map(({ title, description, id }) => [
          title + description,
          id,
        ]),
      );
    expect(ids(moved)).toEqual(ids(HOST_BOARD));
    const renamed: Board = { ...HOST_BOARD, sections: [{ ...first, title: 'Other' }] };
    const [one] = panelsOf(boardJson(renamed, 'prometheus'));
    const [same] = panelsOf(boardJson(HOST_BOARD, 'prometheus'));
    expect(one?.id).not.toBe(same?.id);
  });
});

describe('the files that people import', () => {
  it('are those that the boards make', () => {
    const stale = boardFiles().filter(({ path, text }) => {
      const file = join(FOLDER, path);
      return !existsSync(file) || readFileSync(file, 'utf8') !== text;
    });
    expect(stale.map(({ path }) => `${path}: run "npm run generate"`)).toEqual([]);
  });

  it('are no others', () => {
    const there = globSync('{prometheus,influxql}/*', { cwd: FOLDER }).map((path) =>
      path.replaceAll('\\', '/'),
    );
    expect(there.toSorted()).toEqual(
      boardFiles()
        .map(({ path }) => path)
        .toSorted(),
    );
  });
});
