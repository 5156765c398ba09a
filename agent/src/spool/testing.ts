/** A machine with a disk for the tests of the spool. */
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { FakeDisk } from '@rollcall/shared/testing/fake-disk.ts';
import { fakeLog } from '@rollcall/shared/testing/fake-log.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { readAll } from './conformance.ts';
import { DurableSpool, type DurableSpoolOptions } from './durable.ts';

type Sizes = Partial<
  Pick<
    DurableSpoolOptions,
    'sync' | 'epochsMax' | 'maxBytes' | 'segmentBytes' | 'maxMemoryBytes' | 'retentionMs' | 'syncGatherMs'
  >
>;

export class TestMachine {
  readonly disk = new FakeDisk();
  readonly log = fakeLog();
  readonly clock: FakeClock;
  bootId = 'first boot';
  owner: Buffer = Buffer.alloc(16, 1);
  #epochs = 0;
  #spool: DurableSpool | undefined;

  constructor(clock = new FakeClock()) {
    this.clock = clock;
  }

  /** A spool in the folder `/spool`, by default without syncs of its own. */
  open(sizes: Sizes = {}): DurableSpool {
    const { clock, log, disk, bootId, owner } = this;
    this.#spool = DurableSpool.open({
      clock,
      log,
      disk,
      dir: '/spool',
      bootId,
      owner,
      // A counter in place of randomness, so that epochs have names that tests can tell.
      randomBytes: (count) => Buffer.alloc(count, ++this.#epochs),
      sync: 'never',
      maxBytes: 1 << 20,
      ...sizes,
    });
    return this.#spool;
  }

  /** The process dies, if it has not already, and another one opens the spool. */
  async killAndOpen(sizes: Sizes = {}): Promise<DurableSpool> {
    this.disk.die();
    await this.#spool?.settled();
    this.disk.restart();
    return this.open(sizes);
  }
}

/** The times of all readings that are held, epoch by epoch. */
export function ticksOf(spool: DurableSpool): number[] {
  return spool
    .epochs()
    .flatMap(({ id }) => readAll(spool, id, 1))
    .flatMap(({ kind, wallMs }) => (kind === RECORD_KIND.SAMPLES ? [wallMs] : []));
}

/** Lets the queue of the disk and what it sets off run empty. */
export async function settle(spool: DurableSpool): Promise<void> {
  for (let i = 0; i < 12; i++) await spool.settled();
}

/** 0, 1, 2 … before `to`: the times of readings that were taken one after another. */
export function countTo(to: number): number[] {
  return Array.from({ length: to }, (_unused, i) => i);
}
