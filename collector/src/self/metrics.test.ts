import { describe, expect, it } from 'vitest';
import { createSelfMetrics } from './metrics.ts';

describe('self metrics', () => {
  it('shows counters with and without labels, and gauges as they are when read', async () => {
    let depth = 1;
    const metrics = createSelfMetrics([
      { rollcall_a_total: { help: 'A.', labels: [] }, rollcall_b_total: { help: 'B.', labels: ['code'] } },
    ]);
    metrics.addGauges([
      { name: 'rollcall_depth', help: 'Depth.', read: () => depth },
      { name: 'rollcall_hosts', help: 'Hosts.', label: 'state', read: () => ({ up: 2, down: 0 }) },
    ]);
    metrics.increment('rollcall_b_total', { code: '4400' }, 3);
    depth = 7;
    const { contentType, text } = await metrics.read();
    expect(contentType).toContain('text/plain');
    expect(text).toContain('rollcall_a_total 0\n');
    expect(text).toContain('rollcall_b_total{code="4400"} 3\n');
    expect(text).toContain('rollcall_depth 7\n');
    expect(text).toContain('rollcall_hosts{state="up"} 2\n');
    expect(text).toContain('process_cpu_seconds_total');
  });

  it('throws for a counter that no table has', () => {
    expect(() => createSelfMetrics([]).increment('rollcall_x_total')).toThrow('no table');
  });

  it('throws for a second gauge of one name', () => {
    const metrics = createSelfMetrics([]);
    const row = { name: 'rollcall_depth', help: 'Depth.', read: () => 1 };
    metrics.addGauges([row]);
    expect(() => metrics.addGauges([row])).toThrow('rollcall_depth');
  });
});
