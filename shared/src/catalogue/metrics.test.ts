import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../lib/text.ts';
import { createSchema } from '../protocol/schema.ts';
import { METRICS, isMadeByCollector, isMetricName, metricDefinition, type MetricName } from './metrics.ts';

const names = Object.keys(METRICS).filter(isMetricName);

describe('catalogue', () => {
  it.each(names)('%s has a valid row', (name: MetricName) => {
    const { type, unit, labels, scale, help, madeBy } = metricDefinition(name);
    expect([...labels].sort(compareUtf8)).toEqual(labels);
    expect(new Set(labels).size).toBe(labels.length);
    expect(help).toMatch(/^[A-Z0-9].*\.$/);
    // node_exporter names these families as the kernel does, so the name does not tell.
    const isKernelName = /^node_(vmstat|netstat|zfs_arc)_/.test(name);
    expect(isKernelName || name.endsWith('_total') === (type === 'counter')).toBe(true);
    if (madeBy === 'collector') return;
    // The wire format has rules of its own on names, units and scales.
    const schema = createSchema({
      sampler: 'test',
      intervalMs: 1_000,
      metrics: [
        {
          name,
          unit,
          type,
          encoding: 'integer',
          scale,
          labelNames: labels,
          series: [labels.map(() => 'x')],
        },
      ],
    });
    expect(schema.seriesCount).toBe(1);
  });

  it.each([
    ['up', true],
    ['scrape_samples_scraped', true],
    ['ALERTS', true],
    ['node_load1', false],
    ['rollcall_agent_info', false],
    ['jobs_total', false],
    ['constructor', false],
  ])('tells whether %s is for the collector to make', (name, expected) => {
    expect(isMadeByCollector(name)).toBe(expected);
  });

  it('does not take members of Object.prototype for metrics', () => {
    expect(isMetricName('constructor')).toBe(false);
    expect(isMetricName('__proto__')).toBe(false);
    expect(isMetricName('node_load1')).toBe(true);
  });
});
