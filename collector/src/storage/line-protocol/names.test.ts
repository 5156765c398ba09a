import * as fc from 'fast-check';
import { METRICS } from '@rollcall/shared/catalogue/metrics.ts';
import { describe, expect, it } from 'vitest';
import { nameOf, placeOf } from './names.ts';

describe('placeOf', () => {
  // Pinned: what was written under one of these is read under it for ever.
  it.each([
    ['node_cpu_seconds_total', 'node_cpu', 'seconds_total'],
    ['node_memory_MemAvailable_bytes', 'node_memory', 'MemAvailable_bytes'],
    ['node_filesystem_avail_bytes', 'node_filesystem', 'avail_bytes'],
    ['node_network_receive_bytes_total', 'node_network', 'receive_bytes_total'],
    ['node_disk_io_time_seconds_total', 'node_disk', 'io_time_seconds_total'],
    ['node_nf_conntrack_entries', 'node_nf_conntrack', 'entries'],
    ['node_load1', 'node', 'load1'],
    ['node_boot_time_seconds', 'node', 'boot_time_seconds'],
    ['node_time_seconds', 'node', 'time_seconds'],
    ['node_uname_info', 'node', 'uname_info'],
    ['node_systemd_unit_state', 'node_systemd', 'unit_state'],
    ['windows_logical_disk_free_bytes', 'windows_logical_disk', 'free_bytes'],
    ['probe_success', 'probe', 'success'],
    ['rollcall_cpu_utilization_ratio', 'rollcall', 'cpu_utilization_ratio'],
    ['scrape_duration_seconds', 'scrape', 'duration_seconds'],
    ['instance:node_cpu:rate5m', 'instance:node', 'cpu:rate5m'],
    ['up', 'up', 'value'],
    ['ifOperStatus', 'ifOperStatus', 'value'],
    // A split here would give a place that another name has, or that a server refuses.
    ['some_value', 'some_value', 'value'],
    ['some_time', 'some_time', 'value'],
    ['some__thing', 'some__thing', 'value'],
    ['some_', 'some_', 'value'],
    ['_some', '_some', 'value'],
    ['_', '_', 'value'],
    ['node_cpu', 'node', 'cpu'],
  ])('keeps %s as %s with %s', (name, measurement, field) => {
    expect(placeOf(name)).toEqual({ measurement, field });
  });

  it('gives every metric of the catalogue a place of its own', () => {
    const names = Object.keys(METRICS);
    const places = new Set(names.map((name) => JSON.stringify(placeOf(name))));
    expect(places.size).toBe(names.length);
    for (const name of names) expect(nameOf(placeOf(name))).toBe(name);
  });

  it('is undone by nameOf for any name', () => {
    const part = fc.constantFrom('node', 'cpu', 'value', 'time', '_', '__', ':', 'é', 'x', 'disk', '');
    const name = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('_'));
    fc.assert(
      fc.property(fc.oneof(name, fc.string({ minLength: 1 })), (text) => {
        expect(nameOf(placeOf(text))).toBe(text);
      }),
    );
  });
});
