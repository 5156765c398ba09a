/**
 * Both ends of a change of key against each other, with everything that may go wrong at each step: whatever happens, the
 * agent gets in again, and the change comes to its end.
 */
// oxlint-disable vitest/no-standalone-expect -- the bench that the property runs is a class
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { decodeFrame } from '@rollcall/shared/protocol/frame.ts';
import { fingerprint, generateIdentity } from '@rollcall/shared/protocol/identity.ts';
import { decodeKeyNext, isVouchedFor } from '@rollcall/shared/protocol/key-rotation.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import type { IdentityStore } from '../agent/src/link/identity.ts';
import { KEY_AGE_MS_MAX, ringOf, type KeyRing } from '../agent/src/link/key-ring.ts';
import { Signer } from '../agent/src/link/signer.ts';
import { afterLogin, afterOffer, type AgentKeys } from '../collector/src/fleet/agent-keys.ts';

const AGENT_ID = Buffer.alloc(16, 5);
/** An agent has at most three keys to try. */
const LOGINS_MAX = 3;

/** What becomes of it when the agent stores its keys in a session. */
const STORING = ['works', 'works', 'fails', 'dies before', 'dies after'] as const;
/** What becomes of an answer of the collector, which may die before it has stored what it is about. */
const ANSWER = ['comes', 'comes', 'is lost', 'not stored'] as const;

const sessions = fc.record({
  kind: fc.constant('session' as const),
  storing: fc.constantFrom(...STORING),
  welcome: fc.constantFrom(...ANSWER),
  keyOk: fc.constantFrom(...ANSWER),
});
const commands = fc.oneof(
  { weight: 8, arbitrary: sessions },
  { weight: 4, arbitrary: fc.constant({ kind: 'time passes' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'agent restarts' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'backup' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'collector set back' as const }) },
);
type Drawn<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Session = Omit<Drawn<typeof sessions>, 'kind'>;

class Bench {
  readonly #clock = new FakeClock();
  #disk: KeyRing = { ...ringOf(generateIdentity()), sinceMs: this.#clock.wallMs() };
  #storing: (typeof STORING)[number] = 'works';
  #hasDied = false;
  #signer = this.#start();
  #known: AgentKeys = { publicKey: this.#disk.current.publicKey, nextPublicKey: null };
  #backup = this.#known;
  /** Changes that the collector forgets when it is set back. */
  #changesSinceBackup = 0;

  async run(command: Drawn<typeof commands>): Promise<void> {
    switch (command.kind) {
      case 'session':
        this.session(command);
        return;
      case 'time passes':
        await this.#clock.advance(KEY_AGE_MS_MAX);
        return;
      case 'agent restarts':
        this.#signer = this.#start();
        return;
      case 'backup':
        this.#backup = this.#known;
        this.#changesSinceBackup = 0;
        return;
      case 'collector set back':
        // An agent remembers one key of the past: a backup from before two changes is older than 30 days.
        if (this.#changesSinceBackup > 1) return;
        this.#known = this.#backup;
        this.#changesSinceBackup = 0;
        return;
    }
  }

  /** Whether it got as far as WELCOME. */
  session({ storing, welcome, keyOk }: Session): boolean {
    this.#storing = storing;
    const isIn = this.#login(welcome);
    if (isIn && !this.#hasDied) this.#offer(keyOk);
    if (this.#hasDied) this.#signer = this.#start();
    this.#storing = 'works';
    return isIn;
  }

  get isChanging(): boolean {
    return this.#disk.next !== null || this.#known.nextPublicKey !== null;
  }

  get knownKey(): Buffer {
    return this.#known.publicKey;
  }

  #login(welcome: (typeof ANSWER)[number]): boolean {
    const { publicKey } = this.#signer.keys;
    const isCurrent = publicKey.equals(this.#known.publicKey);
    const isNext = this.#known.nextPublicKey?.equals(publicKey) === true;
    if (!isCurrent && !isNext) {
      this.#signer.refused();
      return false;
    }
    if (welcome === 'not stored') return false;
    if (isNext) this.#changesSinceBackup++;
    this.#known = afterLogin(this.#known, isNext ? 'next' : 'current');
    if (welcome === 'is lost') return false;
    this.#signer.welcomed();
    return true;
  }

  #offer(keyOk: (typeof ANSWER)[number]): void {
    const bytes = this.#signer.offer();
    if (bytes === undefined || this.#hasDied) return;
    const offer = decodeKeyNext(decodeFrame(bytes).body);
    expect(isVouchedFor(offer, { agentId: AGENT_ID, publicKey: this.#known.publicKey })).toBe(true);
    if (keyOk === 'not stored') return;
    this.#known = afterOffer(this.#known, offer.publicKey);
    if (keyOk === 'comes') expect(this.#signer.isStored(fingerprint(offer.publicKey))).toBe(true);
  }

  #start(): Signer {
    this.#hasDied = false;
    const identity: IdentityStore = {
      identity: { agentId: AGENT_ID, collectorKeys: [] },
      facts: () => ({ generation: 0, storeId: '', binding: 'none' }),
      store: () => {},
      keys: () => this.#disk,
      storeKeys: (ring) => this.#store(ring),
    };
    return new Signer({ clock: this.#clock, log: fakeLog(), identity });
  }

  #store(ring: KeyRing): void {
    // A dead process writes nothing.
    if (this.#hasDied) return;
    const storing = this.#storing;
    if (storing === 'fails') throw new AppError('DATA_DIR_UNUSABLE', 'no space');
    this.#hasDied = storing.startsWith('dies');
    if (storing !== 'dies before') this.#disk = ring;
  }
}

const WELL: Session = { storing: 'works', welcome: 'comes', keyOk: 'comes' };

/** Logs in until it is in; fails when that takes more attempts than there are keys. */
function getIn(bench: Bench): void {
  const attempts = Array.from({ length: LOGINS_MAX }, () => bench.session(WELL));
  expect(attempts).toContain(true);
}

it('locks no agent out, whatever breaks at whichever step', { timeout: 30_000 }, async () => {
  let changes = 0;
  const property = fc.asyncProperty(fc.array(commands, { minLength: 10, maxLength: 30 }), async (list) => {
    const bench = new Bench();
    for (const command of list) {
      const before = bench.knownKey;
      await bench.run(command);
      if (!before.equals(bench.knownKey)) changes++;
    }
    getIn(bench);
    await bench.run({ kind: 'time passes' });
    const before = bench.knownKey;
    // One to offer, one to use what was offered.
    getIn(bench);
    getIn(bench);
    expect(bench.knownKey).not.toEqual(before);
    expect(bench.isChanging).toBe(false);
  });
  await fc.assert(property, { numRuns: 300 });
  expect(changes).toBeGreaterThan(100);
});
