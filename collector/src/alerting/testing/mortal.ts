/** A program that can be killed between any two steps: its database and clock stop answering, what it wrote stays. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Database } from '../../state/database.ts';

export interface Mortal {
  readonly state: Database;
  readonly clock: Clock;
  readonly isDead: boolean;
  /** Dies at the transaction after `transactionCount` more; just before it, or just after its commit. */
  killAt(transactionCount: number, moment: 'before commit' | 'after commit'): void;
  kill(): void;
}

export function mortal(state: Database, clock: Clock): Mortal {
  let isDead = false;
  let countdown = Number.POSITIVE_INFINITY;
  let moment: 'before commit' | 'after commit' = 'before commit';
  const die = (): never => {
    isDead = true;
    throw new Error('killed');
  };
  return {
    get isDead() {
      return isDead;
    },
    kill: () => void (isDead = true),
    killAt(transactionCount, at) {
      countdown = transactionCount;
      moment = at;
    },
    state: {
      connection: state.connection,
      close: () => {},
      transaction(work) {
        if (isDead) return die();
        countdown -= 1;
        if (countdown >= 0) return state.transaction(work);
        if (moment === 'before commit') return die();
        state.transaction(work);
        return die();
      },
    },
    clock: {
      wallMs: () => clock.wallMs(),
      monoMs: () => clock.monoMs(),
      bootMs: () => clock.bootMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, () => (isDead ? undefined : callback())),
    },
  };
}
