import { expect, it } from 'vitest';
import type { HostChange } from '../fleet/hosts.ts';
import { boundGarbage, LARGE_FLEET_HOSTS } from './garbage.ts';

function fleet(count: number, given: readonly string[] = []) {
  const listeners = new Set<(change: HostChange) => void>();
  const flags: string[] = [];
  const hosts = {
    count,
    onChange: (listener: (change: HostChange) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const stop = boundGarbage({ hosts, given, setFlag: (flag) => void flags.push(flag) });
  const add = (more: number): void => {
    hosts.count += more;
    for (const tell of listeners) tell({ kind: 'added', id: 'x' });
  };
  return { flags, add, stop };
}

const BOUND = ['--heap-growing-percent=30'];

it('bounds garbage once, when the fleet becomes large', () => {
  const { flags, add } = fleet(LARGE_FLEET_HOSTS - 2);
  add(1);
  expect(flags).toEqual([]);
  add(1);
  expect(flags).toEqual(BOUND);
  add(-1);
  add(1);
  expect(flags).toEqual(BOUND);
});

it('bounds it at once when the fleet is large at the start', () => {
  expect(fleet(LARGE_FLEET_HOSTS).flags).toEqual(BOUND);
});

it.each(['--heap-growing-percent=90', '--heap_growing_percent=0'])('leaves it to who sets %s', (given) => {
  const { flags, add } = fleet(LARGE_FLEET_HOSTS, ['--no-warnings', given]);
  add(1);
  expect(flags).toEqual([]);
});

it('looks no more after the end', () => {
  const { flags, add, stop } = fleet(0);
  stop();
  add(LARGE_FLEET_HOSTS);
  expect(flags).toEqual([]);
});
