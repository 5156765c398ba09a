import { parser } from '@prometheus-io/lezer-promql';
import { expect, test } from 'vitest';
import { PANELS } from './panels.ts';
import { instanceIs } from './promql.ts';

const queries = PANELS.flatMap((panel) =>
  panel.traces.map(
    (trace) => [panel.id, trace.query({ instance: instanceIs('a "b" \\ c'), window: '60s' })] as const,
  ),
);

test.each(queries)('asks %s with a valid expression about one host: %s', (_id, query) => {
  let errors = 0;
  let selectors = 0;
  parser.parse(query).iterate({
    enter: (node) => {
      if (node.type.isError) errors += 1;
      if (node.name === 'VectorSelector') selectors += 1;
    },
  });
  expect(errors).toBe(0);
  expect(query.split('instance="a \\"b\\" \\\\ c"').length - 1).toBe(selectors);
});

test('gives every panel an id of its own', () => {
  expect(new Set(PANELS.map((panel) => panel.id)).size).toBe(PANELS.length);
});
