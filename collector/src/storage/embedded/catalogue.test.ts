/** What it costs to know a fleet. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { gaugeSchema } from '../../journal/testing/lane-writer.ts';
import { Catalogue } from './catalogue.ts';

const HOSTS = 1_000;
const SAMPLERS = 15;
const SERIES_PER_SAMPLER = 14;
/** Measured: 10.9. An object for each series, however small, would be more than 24. */
const BYTES_PER_SERIES_MAX = 14;

/** Bytes of the heap that are in use after everything that can go is gone. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new TypeError('the engine gives no way to collect garbage');
  collect();
  return process.memoryUsage().heapUsed;
}

it('knows the series of a fleet without an object for each of them', () => {
  const values = Array.from({ length: SERIES_PER_SAMPLER }, (_, i) => String(i).padStart(2, '0'));
  const schemas = Array.from({ length: SAMPLERS }, (_, i) => gaugeSchema(`s${i}`, { [`m${i}`]: values }));
  const lanes = function* () {
    for (let host = 1; host <= HOSTS; host++) {
      const agentId = host.toString(16).padStart(32, '0');
      yield { laneId: host, agentId, epochId: 'e', oldestMs: host, newestMs: 1e12 + host, offsetMsMax: 0 };
    }
  };
  const uses = function* () {
    for (let laneId = 1; laneId <= HOSTS; laneId++) {
      for (const [number, schema] of schemas.entries())
        yield { laneId, number, schema, firstMs: 1e12 + laneId, lastMs: 2e12 + laneId };
    }
  };
  const before = heapBytes();
  const catalogue = new Catalogue();
  catalogue.load(lanes(), uses());
  const grown = heapBytes() - before;
  expect(catalogue.hosts.size).toBe(HOSTS);
  expect(grown / (HOSTS * SAMPLERS * SERIES_PER_SAMPLER)).toBeLessThan(BYTES_PER_SERIES_MAX);
});
