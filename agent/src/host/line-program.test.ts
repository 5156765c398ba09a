import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { LineProgram } from './line-program.ts';

const NEVER = new AbortController().signal;

function program(script: string) {
  const clock = new FakeClock();
  const command = { program: '/bin/sh', args: ['-c', script] };
  return { clock, asked: new LineProgram({ command, clock, environment: {} }) };
}

describe('LineProgram', () => {
  it('answers questions one after another with the same process', async () => {
    const { asked } = program('n=0; while read -r _; do n=$((n+1)); echo "$$ $n"; done');
    const [first, shared] = await Promise.all([asked.ask(NEVER), asked.ask(NEVER)]);
    const second = await asked.ask(NEVER);
    expect(shared).toBe(first);
    expect(second).toBe(first.replace(' 1', ' 2'));
    asked.close();
  });

  it('starts again after the program has ended, but not at once', async () => {
    const { asked, clock } = program('read -r _; echo one');
    expect(await asked.ask(NEVER)).toBe('one');
    await expect(asked.ask(NEVER)).rejects.toMatchObject({ kind: 'io' });
    await expect(asked.ask(NEVER)).rejects.toThrow('not started again yet');
    await clock.advance(10_000);
    expect(await asked.ask(NEVER)).toBe('one');
    asked.close();
  });

  it('never takes a late answer for that of the next question', async () => {
    const { asked, clock } = program('read -r _; sleep 600; echo late');
    const controller = new AbortController();
    const late = asked.ask(controller.signal);
    controller.abort();
    await expect(late).rejects.toMatchObject({ kind: 'timeout' });
    await expect(asked.ask(controller.signal)).rejects.toMatchObject({ kind: 'timeout' });
    await clock.advance(10_000);
    const next = asked.ask(NEVER);
    asked.close();
    await expect(next).rejects.toThrow('closed');
  });

  it('ends a program that never ends its line, and says when there is none', async () => {
    const { asked } = program('read -r _; tr "\\0" x < /dev/zero');
    await expect(asked.ask(NEVER)).rejects.toMatchObject({ kind: 'too_large' });
    const command = { program: '/nonexistent', args: [] };
    const none = new LineProgram({ command, clock: new FakeClock(), environment: {} });
    await expect(none.ask(NEVER)).rejects.toMatchObject({ kind: 'io' });
  });
});
