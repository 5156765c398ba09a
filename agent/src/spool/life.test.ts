import { expect, it } from 'vitest';
import { decodeEvent } from '@rollcall/shared/protocol/event.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { appendTick, currentEpoch, readAll, testSchema } from './conformance.ts';
import { noteStart, noteStop } from './life.ts';
import { TestMachine } from './testing.ts';

it('tells how the agent before this one ended, and when', async () => {
  const machine = new TestMachine();
  const { clock } = machine;
  const first = machine.open();
  noteStart(first, clock, first.found);
  appendTick(first, [testSchema('cpu', 3)], clock.wallMs());
  const second = await machine.killAndOpen();
  noteStart(second, clock, second.found);
  noteStop(second, clock);
  machine.bootId = 'another boot';
  const third = await machine.killAndOpen();
  noteStart(third, clock, third.found);

  const ids = third.epochs().map(({ id }) => id);
  const events = ids.flatMap((id) =>
    readAll(third, id, 1).flatMap(({ kind, body }) =>
      kind === RECORD_KIND.EVENT ? [decodeEvent(body)] : [],
    ),
  );
  const lastMs = clock.wallMs();
  expect(events).toEqual([
    { kind: 'start', isClean: false, lastMs: null, isOtherBoot: false, isDamaged: false },
    { kind: 'start', isClean: false, lastMs, isOtherBoot: false, isDamaged: false },
    { kind: 'stop' },
    { kind: 'start', isClean: true, lastMs, isOtherBoot: true, isDamaged: false },
  ]);
  expect(currentEpoch(third).id).toBe(ids.at(-1));
});
