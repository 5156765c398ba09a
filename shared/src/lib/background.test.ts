import { expect, it } from 'vitest';
import { background } from './background.ts';
import { silentLogger, type LogFields } from './log.ts';

it('reports the failure of work that nobody awaits', async () => {
  const events: (LogFields | undefined)[] = [];
  const log = { ...silentLogger, error: (_message: string, fields?: LogFields) => events.push(fields) };
  background(log, 'compaction', Promise.resolve());
  background(log, 'compaction', Promise.reject(new Error('disk full')));
  await new Promise((resolve) => setImmediate(resolve));
  expect(events).toEqual([{ name: 'compaction', error: 'disk full' }]);
});
