import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { BEGINNING, following, waitMs, type Policy, type Position } from './policy.ts';

const policies = fc
  .record({
    waits: fc.array(fc.integer({ min: 0, max: 3_600_000 }), { minLength: 1, maxLength: 6 }),
    repeat: fc.integer({ min: 0, max: 10 }),
    repeatAfterMs: fc.integer({ min: 60_000, max: 3_600_000 }),
  })
  .map(({ waits, ...policy }): Policy => {
    const targets = [{ kind: 'receiver', name: 'pager' } as const];
    return { name: 'any', ...policy, steps: waits.map((afterMs) => ({ afterMs, targets })) };
  });

function walk(policy: Policy): readonly Position[] {
  const positions: Position[] = [];
  for (let at: Position | null = BEGINNING; at !== null; at = following(policy, at)) positions.push(at);
  return positions;
}

it('goes through every step in order, once and as often again as it is to be repeated', () => {
  fc.assert(
    fc.property(policies, (policy) => {
      const expected = Array.from({ length: policy.repeat + 1 }, (_, round) =>
        policy.steps.map((_step, step) => ({ round, step })),
      ).flat();
      expect(walk(policy)).toEqual(expected);
    }),
  );
});

it('waits for all that the policy says, and a round more for each repetition', () => {
  fc.assert(
    fc.property(policies, (policy) => {
      const total = walk(policy).reduce((sum, at) => sum + waitMs(policy, at), 0);
      const round = policy.steps.reduce((sum, { afterMs }) => sum + afterMs, 0);
      expect(total).toBe(round * (policy.repeat + 1) + policy.repeatAfterMs * policy.repeat);
    }),
  );
});
