import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import { createSchema } from '@rollcall/shared/protocol/schema.ts';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Labels, METRIC_NAME } from '../../labels.ts';
import { labelsOf, type Identity } from './matching.ts';

const name = fc.constantFrom('A', '__name__', '_', 'a', 'instance', 'job', 'z', 'zz');
const value = fc.constantFrom('', 'x', '\u{1f31e}', '\u00e9');

test('a series has its labels and those of its host, which count where both have one', () => {
  const property = fc.property(
    fc.uniqueArray(fc.constantFrom('A', '_', 'a', 'instance', 'job', 'z'), { maxLength: 4 }),
    fc.array(value, { minLength: 4, maxLength: 4 }),
    fc.array(fc.tuple(name, value), { maxLength: 4 }),
    (unordered, values, identity: Identity) => {
      const labelNames = unordered.toSorted(compareUtf8);
      const own = values.slice(0, labelNames.length);
      const metric = {
        name: 'm',
        help: '',
        type: 'gauge' as const,
        unit: '',
        encoding: 'integer' as const,
        scale: 0,
        labelNames,
        series: [own],
      };
      const schema = createSchema({ sampler: 's', intervalMs: 1_000, metrics: [metric] }, 'collector');
      const pairs: (readonly [string, string])[] = [[METRIC_NAME, 'm']];
      for (const [at, label] of labelNames.entries()) pairs.push([label, own[at] ?? '']);
      pairs.push(...identity.filter(([, text]) => text !== ''));
      expect(labelsOf(schema, 0, identity).toObject()).toEqual(Labels.from(pairs).toObject());
      expect(labelsOf(schema, 0, identity).flat).toEqual(Labels.from(pairs).flat);
    },
  );
  expect(() => fc.assert(property, { numRuns: 500 })).not.toThrow();
});
