import { setImmediate } from 'node:timers/promises';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { describe, expect, it } from 'vitest';
import { createAnswers, type JsonAnswer } from '../query/answers.ts';
import { createQueryEngine, DEFAULT_LIMITS } from '../query/query.ts';
import type { RemoteReadLimits } from '../query/remote-read.ts';
import { Labels } from '../storage/labels.ts';
import { MemoryStorage } from '../storage/memory/memory.ts';
import { readRequest } from '../storage/remote-protocol/testing/read-request.ts';
import { Desk, type DeskPorts } from './desk.ts';
import type { FromThread, HostEntry, ToThread } from './messages.ts';
import { GRACE_MS, STALL_MS, type StartThread, type ThreadEvents } from './reader.ts';
import { PiecePlaces, sharedPieces } from './piece-places.ts';
import { Readers } from './readers.ts';

const NEVER = new AbortController().signal;
const READ_LIMITS: RemoteReadLimits = {
  readRequestBytes: 1_000,
  queriesPerRead: 16,
  matchersPerQuery: 64,
  samplesPerRead: 100_000,
};
const EVERYTHING = { fromMs: 0, toMs: 1e12, limit: 0 };

async function storageOf(seriesCount: number, sampleCount: number): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  await storage.append(
    Array.from({ length: seriesCount }, (_, i) => ({
      labels: Labels.of({ __name__: 'm', i: String(i), text: '"ü\n' }),
      samples: Array.from({ length: sampleCount }, (_, k) => ({ timeMs: k * 1000, value: i + k })),
    })),
  );
  return storage;
}

/** A desk in this thread; messages pass as they would between threads. */
function deskOn(
  storage: MemoryStorage,
  heard: HostEntry[][] = [],
  limits: Pick<DeskPorts, 'untakenValuesMax'> = {},
): StartThread {
  const engine = createQueryEngine({ storage, clock: systemClock });
  return (events) => {
    const pieces = sharedPieces();
    const desk = new Desk({
      engine,
      ...limits,
      places: new PiecePlaces(pieces),
      answers: createAnswers({ engine, storage, extent: () => storage.stats(), clock: systemClock }),
      storage: { catchUp: () => Promise.resolve() },
      learn: (hosts) => heard.push([...hosts]),
      expect: () => undefined,
      post: (message, moved = []) => {
        const sent = structuredClone(message, { transfer: [...moved] });
        queueMicrotask(() => events.message(sent));
      },
    });
    return {
      places: new PiecePlaces(pieces),
      post: (message) => {
        const sent = structuredClone(message);
        queueMicrotask(() => void desk.receive(sent));
      },
      kill: () => Promise.resolve(),
    };
  };
}

/** A thread that says nothing, with what it was told. */
function silentThread() {
  const told: ToThread[] = [];
  const started: ThreadEvents[] = [];
  let kills = 0;
  const start: StartThread = (events) => {
    started.push(events);
    return {
      places: new PiecePlaces(sharedPieces()),
      post: (message) => void told.push(message),
      kill: () => {
        kills++;
        return Promise.resolve();
      },
    };
  };
  return { start, told, started, kills: () => kills };
}

function readersOn(start: StartThread, options: Partial<ConstructorParameters<typeof Readers>[0]> = {}) {
  return new Readers({
    clock: systemClock,
    log: silentLogger,
    start,
    threads: 1,
    limits: DEFAULT_LIMITS,
    hosts: () => [],
    noted: () => undefined,
    damaged: () => undefined,
    dropped: () => undefined,
    failed: () => undefined,
    ...options,
  });
}

async function textOf({ data }: JsonAnswer): Promise<string> {
  let text = '';
  for await (const piece of data) text += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
  return text;
}

it('tells each thread at its start what is going to be asked, and those that run when it changes', async () => {
  const { start, told, started } = silentThread();
  const readers = readersOn(start);
  readers.expect(['up']);
  const asked = readers.instant('up', { timeMs: 0, limit: 0 }, NEVER).catch(() => undefined);
  readers.expect(['up', 'down']);
  started[0]?.ended(new Error('broken'));
  await asked;
  void readers.instant('up', { timeMs: 0, limit: 0 }, NEVER).catch(() => undefined);
  const texts = told.flatMap((message) => (message.kind === 'expect' ? [message.texts] : []));
  expect(texts).toEqual([['up'], ['up', 'down'], ['up', 'down']]);
  await readers.close();
});

it('tells what the readings of its threads take, until a thread ends', async () => {
  const { start, started } = silentThread();
  const readers = readersOn(start);
  expect(readers.windowBytes).toBe(0);
  const answer = readers.instant('1', { timeMs: 0, limit: 0 }, NEVER);
  started[0]?.message({ kind: 'window', bytes: 700 });
  expect(readers.windowBytes).toBe(700);
  started[0]?.message({ kind: 'window', bytes: 500 });
  expect(readers.windowBytes).toBe(500);
  started[0]?.ended(new Error('out of memory'));
  await expect(answer).rejects.toThrow('the thread that answered failed');
  expect(readers.windowBytes).toBe(0);
});

describe('answers of a thread', () => {
  it('are those of the engine, however many pieces they take', async () => {
    const storage = await storageOf(40, 1_000);
    const engine = createQueryEngine({ storage, clock: systemClock });
    const local = createAnswers({ engine, storage, extent: () => storage.stats(), clock: systemClock });
    const readers = readersOn(deskOn(storage));
    const range = { startMs: 0, endMs: 999_000, stepMs: 1_000, limit: 0 };
    const request = { ...EVERYTHING, selectors: ['{i=~"1.*"}'] };
    for (const ask of [
      (from: typeof local) => from.instant('m + 1', { timeMs: 5_000, limit: 0 }, NEVER),
      (from: typeof local) => from.instant('"text"', { timeMs: 5_000, limit: 0 }, NEVER),
      (from: typeof local) => from.instant('m[5s]', { timeMs: 5_000, limit: 3 }, NEVER),
      (from: typeof local) => from.range('m', range, NEVER),
      (from: typeof local) => from.series(request, NEVER),
      (from: typeof local) => from.labelNames(request, NEVER),
      (from: typeof local) => from.labelValues('i', { ...request, limit: 2 }, NEVER),
      (from: typeof local) => from.series({ ...request, fromMs: 2, toMs: 1 }, NEVER),
      (from: typeof local) => from.parsed('sum ( m )', 'canonical', NEVER),
      (from: typeof local) => from.parsed('sum(m)', 'tree', NEVER),
      (from: typeof local) =>
        from.fitting({ selectors: ['m', '{a="1"}'], labelSets: [{ a: '1' }, {}] }, NEVER),
      (from: typeof local) => from.storeSizes(3, NEVER),
      (from: typeof local) => from.newest({ ...request, limit: 100 }, NEVER),
      (from: typeof local) => from.newest({ ...request, toMs: 0, limit: 100 }, NEVER),
    ]) {
      const [expected, actual] = [await ask(local), await ask(readers)];
      expect(await textOf(actual)).toBe(await textOf(expected));
      expect([actual.warnings, actual.infos]).toEqual([expected.warnings, expected.infos]);
    }
  });

  it('to remote reads are the same bytes, however the request lies in memory', async () => {
    const storage = await storageOf(40, 1_000);
    const engine = createQueryEngine({ storage, clock: systemClock });
    const local = createAnswers({ engine, storage, extent: () => storage.stats(), clock: systemClock });
    const readers = readersOn(deskOn(storage));
    const packed = readRequest({ fromMs: 0, toMs: 1e9 }, [[0, '__name__', 'm']]);
    const body = Buffer.concat([Buffer.alloc(100), packed, Buffer.alloc(100)]).subarray(100, -100);
    const request = { body, limits: READ_LIMITS };
    const bytesOf = async (from: typeof local) => {
      const pieces: Uint8Array[] = [];
      const { data } = await from.remoteRead(request, NEVER);
      for await (const piece of data) pieces.push(Buffer.from(piece));
      return Buffer.concat(pieces);
    };
    const expected = await bytesOf(local);
    // Packed the answer needs more than one message.
    expect(expected.length).toBeGreaterThan(256 * 1024);
    expect((await bytesOf(readers)).equals(expected)).toBe(true);
  });

  it('to remote reads keep their limits', async () => {
    const readers = readersOn(deskOn(await storageOf(2, 10)));
    const body = readRequest({ fromMs: 0, toMs: 1e9 }, [[0, '__name__', 'm']]);
    const read = (limits: Partial<RemoteReadLimits>) =>
      readers.remoteRead({ body, limits: { ...READ_LIMITS, ...limits } }, NEVER);
    await expect(read({ readRequestBytes: 3 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await expect(read({ matchersPerQuery: 0 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await expect(read({ samplesPerRead: 19 })).rejects.toMatchObject({ code: 'QUERY_LIMIT' });
    await expect(read({ samplesPerRead: 20 })).resolves.toBeDefined();
  });

  it('have the same label sets, as objects, as long as the series are the same', async () => {
    const storage = await storageOf(150, 1);
    const sent: FromThread[] = [];
    const readers = readersOn((events) =>
      deskOn(storage)({
        ...events,
        message: (message) => {
          sent.push(message);
          events.message(message);
        },
      }),
    );
    const ask = async (text: string) => {
      const { value } = await readers.engine.instant(text, { timeMs: 0 }, NEVER);
      return value.kind === 'vector' ? value.samples : [];
    };
    const [first, again, other] = [await ask('m'), await ask('m'), await ask('m > 2')];
    expect(again).toEqual(first);
    expect(again.every(({ labels }, i) => labels === first[i]?.labels)).toBe(true);
    expect(other).toHaveLength(147);
    await storage.append([{ labels: Labels.of({ __name__: 'm' }), samples: [{ timeMs: 0, value: 1 }] }]);
    expect(await ask('m')).toHaveLength(151);
    const travelled = sent.flatMap((message) =>
      message.kind === 'value' && message.result.value.kind === 'vector'
        ? [message.result.value.labels.sets !== undefined]
        : [],
    );
    expect(travelled).toEqual([true, false, true, true]);
  });

  it.each(['m', 'm[5s]', '1', '"a"', 'rate(m[5s])'])('as values: %s', async (text) => {
    const storage = await storageOf(3, 10);
    const engine = createQueryEngine({ storage, clock: systemClock });
    const readers = readersOn(deskOn(storage));
    const options = { timeMs: 5_000 };
    expect(await readers.engine.instant(text, options, NEVER)).toEqual(
      await engine.instant(text, options, NEVER),
    );
  });

  it.each(['m', 'm[5s]', '1', 'm > 1e9'])('relabeled: %s', async (text) => {
    const storage = await storageOf(150, 10);
    const engine = createQueryEngine({ storage, clock: systemClock });
    const readers = readersOn(deskOn(storage));
    const of = (list: readonly Labels[]) => list.map((labels) => labels.with('__name__', 'r'));
    const options = { timeMs: 5_000, relabel: { key: 'r', of } };
    const here = await engine.instant(text, options, NEVER);
    const names =
      here.value.kind === 'vector' ? here.value.samples.map(({ labels }) => labels.metricName) : [];
    expect(new Set(names)).toEqual(new Set(text === 'm' ? ['r'] : []));
    expect(await readers.engine.instant(text, options, NEVER)).toEqual(here);
    expect(await readers.engine.instant(text, options, NEVER)).toEqual(here);
  });

  it('keep the code and the text of an error', async () => {
    const readers = readersOn(deskOn(await storageOf(1, 1)));
    await expect(readers.instant('sum(', { timeMs: 0, limit: 0 }, NEVER)).rejects.toThrow(
      new AppError('BAD_QUERY', '1:5: parse error: unclosed left parenthesis'),
    );
  });

  it('end when the client leaves in the middle of them', async () => {
    const readers = readersOn(deskOn(await storageOf(40, 1_000)));
    const { data } = await readers.range('m', { startMs: 0, endMs: 999_000, stepMs: 1_000, limit: 0 }, NEVER);
    for await (const piece of data) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    // The thread has let go of the answer when it takes the next question without refusing it.
    await expect(readers.engine.instant('1', { timeMs: 0 }, NEVER)).resolves.toBeDefined();
  });
});

describe('the memory of answers', () => {
  const RANGE = { startMs: 0, endMs: 999_000, stepMs: 1_000, limit: 0 };

  /** Readers on a desk, and how many places of their memory are free. */
  async function world() {
    const storage = await storageOf(40, 1_000);
    let places: PiecePlaces | undefined;
    const readers = readersOn((events) => {
      const port = deskOn(storage)(events);
      ({ places } = port);
      return port;
    });
    const free = (): number => {
      const taken: number[] = [];
      for (let at = places?.take(); at !== undefined; at = places?.take()) taken.push(at);
      for (const at of taken) places?.free(at);
      return taken.length;
    };
    await readers.engine.instant('1', { timeMs: 0 }, NEVER);
    return { readers, free, all: free() };
  }

  it('is given back by those that are read, and by those that are let go of', async () => {
    const { readers, free, all } = await world();
    await textOf(await readers.range('m', RANGE, NEVER));
    expect(free()).toBe(all);
    const { data } = await readers.range('m', RANGE, NEVER);
    if (!(Symbol.asyncIterator in data)) throw new Error('pieces come from another thread');
    expect(free()).toBeLessThan(all);
    await data[Symbol.asyncIterator]().return?.();
    await readers.engine.instant('1', { timeMs: 0 }, NEVER);
    expect(free()).toBe(all);
  });

  it('is given back when nobody waits any more', async () => {
    const { readers, free, all } = await world();
    const left = new AbortController();
    const answer = readers.instant('m', { timeMs: 5_000, limit: 0 }, left.signal);
    left.abort();
    await expect(answer).rejects.toMatchObject({ code: 'QUERY_CANCELED' });
    await readers.engine.instant('1', { timeMs: 0 }, NEVER);
    expect(free()).toBe(all);
  });

  it('is not needed for a text that is only checked', async () => {
    const { readers, free, all } = await world();
    await readers.check('m', NEVER);
    await expect(readers.check('m{', NEVER)).rejects.toMatchObject({ code: 'BAD_QUERY' });
    expect(free()).toBe(all);
  });

  it('may be used up: further answers are as good', async () => {
    const { readers, free } = await world();
    const expected = await textOf(await readers.range('m', RANGE, NEVER));
    const open = [];
    while (free() > 0) open.push(await readers.range('m', RANGE, NEVER));
    open.push(await readers.range('m', RANGE, NEVER));
    for (const answer of open) expect(await textOf(answer)).toBe(expected);
  });
});

describe('answers that clients take slowly', () => {
  const RANGE = { startMs: 0, endMs: 999_000, stepMs: 1_000, limit: 0 };

  it('are given up for those that come when they hold too much, and counted', async () => {
    let dropped = 0;
    // Each answer has 40,000 values.
    const start = deskOn(await storageOf(40, 1_000), [], { untakenValuesMax: 100_000 });
    const readers = readersOn(start, { dropped: () => void dropped++ });
    const expected = await textOf(await readers.range('m', RANGE, NEVER));
    const open = [await readers.range('m', RANGE, NEVER), await readers.range('m', RANGE, NEVER)];
    // Those that were taken to their end hold nothing.
    expect(await textOf(await readers.instant('m', { timeMs: 0, limit: 0 }, NEVER))).not.toBe('');
    expect(dropped).toBe(0);
    open.push(await readers.range('m', RANGE, NEVER));
    expect(dropped).toBe(1);
    const outcomes = await Promise.allSettled(open.map(textOf));
    expect(outcomes[0]).toMatchObject({ status: 'rejected', reason: { code: 'QUERY_TIMEOUT' } });
    expect(outcomes.slice(1)).toEqual([
      { status: 'fulfilled', value: expected },
      { status: 'fulfilled', value: expected },
    ]);
    expect(await textOf(await readers.range('m', RANGE, NEVER))).toBe(expected);
    expect(dropped).toBe(1);
  });

  it.each(['newest', 'series'] as const)('count whatever they are: %s', async (kind) => {
    let dropped = 0;
    const start = deskOn(await storageOf(12_000, 1), [], { untakenValuesMax: 300_000 });
    const readers = readersOn(start, { dropped: () => void dropped++ });
    const request = { selectors: ['m'], fromMs: 0, toMs: 1_000, limit: 100_000 };
    const open = [];
    for (let i = 0; i < 8; i++) open.push(await readers[kind](request, NEVER));
    expect(dropped).toBeGreaterThan(0);
    const outcomes = await Promise.allSettled(open.map(textOf));
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(dropped);
    expect(outcomes.at(-1)).toMatchObject({ status: 'fulfilled' });
  });

  it('count when they are remote reads', async () => {
    let dropped = 0;
    // Noise, which is not packed to less.
    const storage = new MemoryStorage();
    const samples = Array.from({ length: 90_000 }, (_, k) => ({ timeMs: k * 997, value: Math.sin(k) }));
    await storage.append([{ labels: Labels.of({ __name__: 'm' }), samples }]);
    const start = deskOn(storage, [], { untakenValuesMax: 500_000 });
    const readers = readersOn(start, { dropped: () => void dropped++ });
    const body = readRequest({ fromMs: 0, toMs: 1e9 }, [[0, '__name__', 'm']]);
    for (let i = 0; i < 3; i++) await readers.remoteRead({ body, limits: READ_LIMITS }, NEVER);
    expect(dropped).toBe(1);
  });

  it('may be given up before anything of them was sent', async () => {
    const { start, told, started } = silentThread();
    const readers = readersOn(start);
    const answer = readers.instant('m', { timeMs: 0, limit: 0 }, NEVER);
    const asked = told.find((message) => message.kind === 'ask');
    started[0]?.message({ kind: 'settled', id: asked?.id ?? 0 });
    await expect(answer).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' });
  });
});

describe('hosts', () => {
  it('are told before the first question, and afterwards only what changed', async () => {
    const heard: HostEntry[][] = [];
    const all: HostEntry[] = [['a', [['instance', 'A']]]];
    const readers = readersOn(deskOn(await storageOf(1, 1), heard), { hosts: () => all });
    readers.hostChanged(['b', [['instance', 'B']]]);
    const ask = () => readers.engine.instant('1', { timeMs: 0 }, NEVER);
    await ask();
    await ask();
    readers.hostChanged(['c', [['instance', 'C']]]);
    readers.hostChanged(['c', undefined]);
    await ask();
    expect(heard).toEqual([all, [['c', undefined]]]);
  });
});

describe('a thread that', () => {
  const ask = (readers: Readers, signal = NEVER) => readers.engine.instant('1', { timeMs: 0 }, signal);
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'answered',
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    );

  it('does not answer in time is told to stop, and ended when it does not', async () => {
    const clock = new FakeClock();
    const { start, told, kills } = silentThread();
    let failures = 0;
    const readers = readersOn(start, { clock, failed: () => failures++ });
    const answer = codeOf(ask(readers));
    await clock.advance(DEFAULT_LIMITS.timeoutMs + 2_000);
    expect(await answer).toBe('QUERY_TIMEOUT');
    expect(told.at(-1)).toEqual({ kind: 'leave', id: 1 });
    const bystander = codeOf(ask(readers));
    await clock.advance(GRACE_MS);
    expect([await bystander, kills(), failures]).toEqual(['QUERY_FAILED', 1, 1]);
  });

  it('hears that a client left, and lives on when it settles the question', async () => {
    const clock = new FakeClock();
    const { start, started, kills } = silentThread();
    const readers = readersOn(start, { clock });
    const left = new AbortController();
    const answer = codeOf(ask(readers, left.signal));
    left.abort();
    expect(await answer).toBe('QUERY_CANCELED');
    started[0]?.message({ kind: 'settled', id: 1 });
    await clock.advance(GRACE_MS);
    expect(kills()).toBe(0);
  });

  it.each([
    [
      'is out of memory',
      Object.assign(new Error('heap'), { code: 'ERR_WORKER_OUT_OF_MEMORY' }),
      'QUERY_LIMIT',
    ],
    ['fails', new TypeError('bug'), 'QUERY_FAILED'],
  ])('%s takes its questions with it, and a fresh one follows', async (_, reason, code) => {
    const { start, started } = silentThread();
    const readers = readersOn(start);
    const answer = codeOf(ask(readers));
    started[0]?.ended(reason);
    started[0]?.ended(new Error('exit'));
    expect(await answer).toBe(code);
    void codeOf(ask(readers));
    expect(started).toHaveLength(2);
    await readers.close();
  });

  it('has sent a piece that nobody takes is relieved of the rest', async () => {
    const clock = new FakeClock();
    const { start, started, told } = silentThread();
    const readers = readersOn(start, { clock });
    const answer = readers.instant('m', { timeMs: 0, limit: 0 }, NEVER);
    const piece = Uint8Array.of(1);
    started[0]?.message({ kind: 'first', id: 1, warnings: [], infos: [], piece, isLast: false });
    const pieces = (await answer).data;
    if (!(Symbol.asyncIterator in pieces)) throw new Error('pieces come from another thread');
    const iterator = pieces[Symbol.asyncIterator]();
    await iterator.next();
    await clock.advance(STALL_MS);
    expect(told.at(-1)).toEqual({ kind: 'leave', id: 1 });
    started[0]?.message({ kind: 'settled', id: 1 });
    await expect(iterator.next()).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' });
  });

  it('has too much to do gets no more', async () => {
    const { start } = silentThread();
    const readers = readersOn(start);
    const asked = Array.from({ length: 500 }, () => codeOf(ask(readers)));
    expect(await codeOf(ask(readers))).toBe('SLOW_DOWN');
    await readers.close();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['DRAINING']));
    expect(await codeOf(ask(readers))).toBe('DRAINING');
  });
});

describe('several threads', () => {
  it('are started one after the other, when those before are busy', async () => {
    const { start, started } = silentThread();
    const readers = readersOn(start, { threads: 2 });
    const reply = (thread: number, message: FromThread) => started[thread]?.message(message);
    const first = readers.engine.instant('1', { timeMs: 0 }, NEVER);
    reply(0, {
      kind: 'value',
      id: 1,
      result: { value: { kind: 'scalar', timeMs: 0, value: 1 }, warnings: [], infos: [] },
    });
    await first;
    const second = readers.engine.instant('1', { timeMs: 0 }, NEVER).catch(() => undefined);
    expect(started).toHaveLength(1);
    const third = readers.engine.instant('1', { timeMs: 0 }, NEVER).catch(() => undefined);
    expect(started).toHaveLength(2);
    await readers.close();
    await Promise.all([second, third, setImmediate()]);
  });
});

describe('the first thread', () => {
  it('is started ahead when that is asked for, and knows the hosts', async () => {
    const { start, told, started } = silentThread();
    const readers = readersOn(start, { threads: 2, hosts: () => [['a', [['instance', 'x']]]] });
    readers.startAhead();
    expect(started).toHaveLength(1);
    expect(told).toEqual([{ kind: 'hosts', hosts: [['a', [['instance', 'x']]]] }]);
    void readers.instant('m', { timeMs: 0, limit: 0 }, NEVER).catch(() => undefined);
    expect(started).toHaveLength(1);
    await readers.close();
  });
});
