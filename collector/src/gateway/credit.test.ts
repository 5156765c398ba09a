import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterBatch, afterCommit, isExhausted, isOverCredit, openCredit, withWindow } from './credit.ts';

describe('credit', () => {
  it('lets a record start while less than the limit was sent, and not after', () => {
    const credit = afterBatch(openCredit(100), 99, undefined);
    expect(isOverCredit(credit, 8 + 500, 500, 8)).toBe(false);
    expect(isOverCredit(credit, 8 + 1 + 500, 500, 8)).toBe(true);
    expect(isOverCredit(afterBatch(openCredit(100), 100, undefined), 8 + 10, 10, 8)).toBe(true);
  });

  it('gives nothing while nothing can be stored', () => {
    const credit = openCredit(0);
    expect([isExhausted(credit), isOverCredit(credit, 18, 10, 8)]).toEqual([true, true]);
    expect(withWindow(credit, 50).limitBytes).toBe(50);
  });

  it('frees what a commit covers, and no later or other batch', () => {
    let credit = openCredit(100);
    for (const [epochId, seq] of [
      ['a', 5],
      ['a', 7],
      ['b', 2],
    ] as const)
      credit = afterBatch(credit, 10, { epochId, seq });
    expect(afterCommit(credit, 'a', 4)).toBe(credit);
    credit = afterCommit(credit, 'a', 6);
    expect([credit.pendingBytes, withWindow(credit, 100).limitBytes]).toEqual([20, 110]);
    // Commits come in order: what came before a stored batch is stored as well.
    expect(afterCommit(credit, 'b', 2)).toMatchObject({ pendingBytes: 0, pending: [] });
  });

  it('never lowers the limit and never grants more than the window beyond what is stored', () => {
    const act = fc.oneof(
      fc.record({
        kind: fc.constant('batch' as const),
        bytes: fc.integer({ min: 1, max: 300 }),
        waits: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('commit' as const), seq: fc.nat(40) }),
      fc.record({ kind: fc.constant('window' as const), bytes: fc.constantFrom(0, 40, 256) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
        let credit = openCredit(256);
        let seq = 0;
        for (const step of acts) {
          const before = credit;
          if (step.kind === 'batch') {
            credit = afterBatch(credit, step.bytes, step.waits ? { epochId: 'a', seq: ++seq } : undefined);
          } else if (step.kind === 'commit') credit = withWindow(afterCommit(credit, 'a', step.seq), 256);
          else credit = withWindow(credit, step.bytes);
          const storedBytes = credit.receivedBytes - credit.pendingBytes;
          expect(credit.limitBytes).toBeGreaterThanOrEqual(before.limitBytes);
          expect(credit.limitBytes).toBeLessThanOrEqual(storedBytes + 256);
          expect(credit.pendingBytes).toBe(credit.pending.reduce((sum, batch) => sum + batch.bytes, 0));
        }
      }),
    );
  });
});
