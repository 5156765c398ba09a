import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { HostError } from '../../host/host.ts';
import { FakeHost } from '../../host/testing.ts';
import { Readings } from '../readings.ts';
import { fixtures, readLines } from '../testing.ts';
import { AGE_SECONDS_MIN, CONTAINERS_MAX, containersSampler, detailedCountOf } from './containers.linux.ts';
import { containerIdOf, mayHoldContainers, parseIo } from './containers.ts';
import { parseContainerList, parseLogNames } from './names.ts';

const DOCKER = '/run/docker.sock';
const PODMAN = '/run/user/1000/podman/podman.sock';
const UPTIME_SECONDS = 5_000;
const idOf = (n: number): string => n.toString(16).padStart(64, '0');

/** A machine whose containers come and go. */
class Machine {
  readonly host = new FakeHost();
  readonly clock = new FakeClock();
  readonly sampler = containersSampler(this.clock);
  readonly readings = new Readings({ sampler: 'containers', intervalMs: 10_000 });

  constructor() {
    this.host.files.set('/sys/fs/cgroup/cgroup.controllers', 'cpu io memory pids\n');
    this.host.files.set('/proc/uptime', `${UPTIME_SECONDS}.00 9000.00\n`);
    const rest = 'intr 5\nctxt 6\nbtime 1700000000\nprocesses 7\nprocs_running 1\nprocs_blocked 0\n';
    this.host.files.set('/proc/stat', rest);
  }

  run(n: number, startSeconds = 100): void {
    const folder = `/sys/fs/cgroup/docker/${idOf(n)}`;
    const pid = 10_000 + n;
    this.host.files.set(`${folder}/cgroup.procs`, `${pid}\n`);
    this.host.files.set(`${folder}/cpu.stat`, `usage_usec ${n}\nuser_usec 1\nsystem_usec 1\n`);
    this.host.files.set(`${folder}/memory.current`, '4096\n');
    this.host.files.set(`${folder}/memory.max`, 'max\n');
    this.host.files.set(`/proc/${pid}/stat`, `${pid} (a) S ${'0 '.repeat(18)}${startSeconds * 100} 0 0\n`);
  }

  end(n: number): void {
    for (const path of this.host.files.keys()) {
      if (path.includes(idOf(n)) || path === `/proc/${10_000 + n}/stat`) this.host.files.delete(path);
    }
  }

  read(): Promise<string[]> {
    return readLines(this.sampler, this.host, this.readings);
  }

  /** Names of the containers whose processor time is told. */
  async names(): Promise<string[]> {
    const lines = (await this.read()).filter((line) => line.startsWith('container_cpu_usage'));
    return lines.map((line) => /,name="([^"]*)"/.exec(line)?.[1] ?? line);
  }

  answers(path: string, answer: () => Promise<Buffer>): void {
    this.host.files.set(path, '');
    this.host.services.set(path, answer);
  }
}

const list = (entries: readonly unknown[]): (() => Promise<Buffer>) => {
  const answer = Buffer.from(JSON.stringify(entries));
  return () => Promise.resolve(answer);
};

describe('containers sampler', () => {
  it.each(fixtures(import.meta.dirname))('reads $name', async ({ host, expected }) => {
    expect(await readLines(containersSampler(new FakeClock()), host)).toEqual(expected);
  });

  it('tells no network where the namespaces are hidden', async () => {
    const [docker] = fixtures(import.meta.dirname);
    const host = docker?.host ?? new FakeHost();
    host.files.set('/proc/4001/net/dev', { fails: 'denied' });
    const lines = await readLines(containersSampler(new FakeClock()), host);
    expect(
      lines.filter((line) => line.startsWith('container_network_') && !line.endsWith(': NOT_PERMITTED')),
    ).toEqual([]);
  });

  it('calls block devices by their names', async () => {
    const machine = new Machine();
    machine.run(1);
    machine.host.files.set(
      `/sys/fs/cgroup/docker/${idOf(1)}/io.stat`,
      '8:0 rbytes=7 wbytes=8 rios=1 wios=2\n',
    );
    machine.host.links.set('/sys/dev/block/8:0', '../../devices/pci0000:00/ata1/block/sda');
    const lines = (await machine.read()).filter((line) => line.startsWith('container_fs_reads_bytes'));
    expect(lines).toEqual([expect.stringContaining('device="/dev/sda"')]);
  });

  it('is not there when the machine has no containers, and looks for them once a minute', async () => {
    const machine = new Machine();
    expect(await machine.read()).toEqual([]);
    machine.run(1);
    await machine.clock.advance(59_999);
    expect(await machine.read()).toEqual([]);
    await machine.clock.advance(1);
    expect(await machine.names()).toEqual(['000000000000']);
  });

  it('tells nothing of a container that has ended, at once', async () => {
    const machine = new Machine();
    machine.run(1);
    machine.run(2);
    expect(await machine.names()).toHaveLength(2);
    machine.end(1);
    const lines = await machine.read();
    expect(lines.filter((line) => line.includes(idOf(1)))).toEqual([]);
    expect(lines).toContain('rollcall_agent_containers 1');
  });

  it('makes no schema for containers that come and go each second', async () => {
    const machine = new Machine();
    machine.run(1);
    await machine.read();
    const before = machine.readings.schemas[0]?.hash;
    for (let n = 2; n < 40; n++) {
      machine.end(n - 1 === 1 ? 0 : n - 1);
      machine.run(n, UPTIME_SECONDS - AGE_SECONDS_MIN + 1);
      await machine.clock.advance(10_000);
      await machine.read();
      expect(machine.readings.schemas[0]?.hash).toBe(before);
    }
    expect(await machine.read()).toContain('rollcall_agent_containers_skipped_total{reason="young"} 6');
  });

  it('is bounded: the oldest ones stay, the later ones are told in brief, the last ones counted', async () => {
    const machine = new Machine();
    for (let n = 0; n < CONTAINERS_MAX + 3; n++) machine.run(n, 1_000 - n);
    const lines = await machine.read();
    const count = (metric: string): number => lines.filter((line) => line.startsWith(`${metric}{`)).length;
    expect(count('container_cpu_usage_seconds_total')).toBe(CONTAINERS_MAX);
    expect(count('container_memory_usage_bytes')).toBe(CONTAINERS_MAX);
    expect(count('container_cpu_user_seconds_total')).toBe(detailedCountOf(CONTAINERS_MAX));
    expect([75, 100, 500].map(detailedCountOf)).toEqual([75, 72, 27]);
    expect(lines.filter((line) => line.startsWith('dropped'))).toEqual([]);
    expect(lines).toContain('rollcall_agent_containers_skipped_total{reason="limit"} 3');
    expect(lines.some((line) => line.includes(idOf(CONTAINERS_MAX + 2)))).toBe(true);
    expect(lines.some((line) => line.includes(idOf(0)))).toBe(false);
  });

  it('asks Docker and Podman what containers are called, and no more than it has to', async () => {
    const machine = new Machine();
    let asked = 0;
    machine.answers(DOCKER, () => {
      asked += 1;
      return list([{ Id: idOf(1), Names: ['/web'], Image: 'nginx:1.27' }])();
    });
    machine.answers(PODMAN, list([{ Id: idOf(2), Names: ['db'], Image: 'postgres' }]));
    machine.run(1);
    machine.run(2);
    machine.run(3);
    expect(await machine.names()).toEqual(['web', 'db', '000000000000']);
    await machine.clock.advance(60_000);
    expect(await machine.names()).toEqual(['web', 'db', '000000000000']);
    expect(asked).toBe(1);
    machine.run(4);
    await machine.clock.advance(60_000);
    await machine.read();
    expect(asked).toBe(2);
  });

  it.each([
    ['is denied', () => Promise.reject(new HostError('denied', 'ask')), false],
    ['hung up', () => Promise.reject(new HostError('io', 'ask')), true],
    ['is no list', () => Promise.resolve(Buffer.from('{"Id":1}')), true],
    ['is no JSON', () => Promise.resolve(Buffer.from('<html>')), true],
    ['has other things in it', list([null, 7, [], { Id: 5 }, { Id: idOf(1), Names: [7], Image: {} }]), false],
  ] as const)('reads containers all the same when the answer %s', async (_what, answer, isProblem) => {
    const machine = new Machine();
    machine.run(1);
    machine.answers(DOCKER, answer);
    expect(await machine.names()).toEqual(['000000000000']);
    expect(machine.readings.problems.map(({ what }) => what)).toEqual(isProblem ? [DOCKER] : []);
  });

  it('does not wait long for a name, and asks again', async () => {
    const machine = new Machine();
    machine.run(1);
    machine.answers(DOCKER, () => new Promise(() => undefined));
    const reading = machine.names();
    await machine.clock.advance(1_000);
    expect(await reading).toEqual(['000000000000']);
    machine.answers(DOCKER, list([{ Id: idOf(1), Names: ['/web'], Image: 'x' }]));
    await machine.clock.advance(60_000);
    expect(await machine.names()).toEqual(['web']);
    expect(machine.readings.problems).toEqual([]);
  });

  it('bears hostile names', async () => {
    const machine = new Machine();
    machine.run(1);
    const name = `/<b>"\n\u202e\u0000${'x'.repeat(16_384)}`;
    machine.answers(DOCKER, list([{ Id: idOf(1), Names: [name], Image: `\ud800${name}` }]));
    const [told = ''] = await machine.names();
    expect(told).toMatch(/^<b>/);
    const { schemas } = machine.readings;
    expect(schemas[0]?.bytes.length).toBeLessThan(20_000);
    expect(JSON.stringify(schemas[0]?.metrics)).not.toMatch(/[\u202e]|\\u0000|\\n/);
  });
});

describe('what a folder is', () => {
  const id = 'a'.repeat(64);
  it.each([
    [`docker-${id}.scope`, true],
    [`cri-containerd-${id}.scope`, true],
    [`libpod-${id}`, true],
    [id, true],
    [`libpod-conmon-${id}.scope`, false],
    [`docker-${id.slice(1)}.scope`, false],
    [`docker-${id}.service`, false],
    [`docker-${id.toUpperCase()}.scope`, false],
  ])('%s', (name, isContainer) => {
    expect(containerIdOf(name)).toBe(isContainer ? id : undefined);
  });

  it.each([
    ['system.slice', true],
    ['kubepods', true],
    ['user@1000.service', true],
    ['docker.service', false],
    ['cgroup.procs', false],
    ['memory.stat', false],
  ])('%s holds containers: %s', (name, holds) => {
    expect(mayHoldContainers(name)).toBe(holds);
  });
});

it('takes no time over a hostile name', () => {
  expect(containerIdOf(`${'a-'.repeat(40_000)}!`)).toBeUndefined();
});

it('takes the names that Kubernetes gives to log files', () => {
  const id = 'b'.repeat(64);
  const names = parseLogNames([`web-1.a_shop_nginx-x-${id}.log`, `a_b-${id}.log`, '../x', `_a_b-${id}.log`]);
  expect([...names.values()]).toEqual([
    { name: '', image: '', container: 'nginx-x', namespace: 'shop', pod: 'web-1.a' },
  ]);
});

it('throws nothing but what is expected for any answer and any file', () => {
  const isExpected = (act: () => unknown): boolean => {
    try {
      act();
    } catch (error) {
      return error instanceof AppError;
    }
    return true;
  };
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      expect(isExpected(() => parseContainerList(Buffer.from(text)))).toBe(true);
      expect(isExpected(() => parseIo(Buffer.from(text)))).toBe(true);
    }),
  );
});
