import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import type { AppStatus } from '../app.ts';
import { PrivateDir } from '../enroll/private-dir.ts';
import { readStatus, StatusWriter, type StatusReport } from './status-file.ts';
import { readAgentStatus, statusText } from './status.ts';

const STATUS: AppStatus = {
  uplink: {
    phase: 'LIVE',
    sessions: 1,
    batchesSent: 2,
    bytesSent: 3,
    connectedSinceMs: 1_000,
    endReason: undefined,
    lastAckMs: undefined,
    recordsRejected: 0,
    samplesRejected: 0,
  },
  spool: {
    isDurable: false,
    recordsHeld: 7,
    bytesHeld: 2_048,
    bytesMax: 1_048_576,
    oldestUnackedMs: 900,
    samplesDropped: 0,
  },
  processes: [],
  settings: [{ key: 'interval', value: '30s', origin: 'collector, version 3' }],
};

const PROGRAM = { name: 'postgres', count: 4, pid: 812, cpus: 1.25, memoryBytes: 430_000_000 } as const;
const SNAPSHOT = {
  atMs: 1_000,
  spanMs: 60_000,
  programs: [{ ...PROGRAM, readBytesPerSecond: 0, writtenBytesPerSecond: null }],
};

const DAY_MS = 86_400_000;

function bench(path: string) {
  const clock = new FakeClock();
  const dir = PrivateDir.open(join(path, 'agent'));
  const running = { pid: process.pid, version: '0.1.0', collector: 'https://monitor.example.org' };
  let warnings = 0;
  const log = { ...silentLogger, warn: () => void warnings++ };
  let status = STATUS;
  const writer = new StatusWriter({ clock, log, dir, running, status: () => status });
  const become = (next: AppStatus): void => void (status = next);
  return { clock, dir, writer, become, warnings: () => warnings };
}

describe('the status file', () => {
  it('is written at start and twice a minute, and removed at the end', async () => {
    using temp = tempDir();
    const { clock, dir, writer, become } = bench(temp.path);
    writer.start();
    expect(readStatus(dir)).toMatchObject({
      pid: process.pid,
      phase: 'LIVE',
      connectedSinceMs: 1_000,
      settings: STATUS.settings,
      lastAckMs: null,
      recordsWaiting: 7,
      oldestWaitingMs: 900,
      startedMs: clock.wallMs(),
    });
    become({ ...STATUS, uplink: { ...STATUS.uplink, lastAckMs: 5_000 } });
    await clock.advance(2_000);
    expect(readStatus(dir)).toMatchObject({ lastAckMs: 5_000, writtenMs: clock.wallMs() });
    const lost = { connectedSinceMs: undefined, endReason: 'no connection' };
    become({ ...STATUS, uplink: { ...STATUS.uplink, ...lost, lastAckMs: 5_000 }, processes: [SNAPSHOT] });
    await clock.advance(30_000);
    expect(readStatus(dir)).toMatchObject({
      processes: [SNAPSHOT],
      connectedSinceMs: null,
      endReason: 'no connection',
    });
    writer.stop();
    writer.stop();
    expect(readStatus(dir)).toBeUndefined();
    expect(clock.timerCount).toBe(0);
  });

  it('is written often until something is acknowledged, but no longer than a minute', async () => {
    using temp = tempDir();
    const { clock, dir, writer } = bench(temp.path);
    const startedMs = clock.wallMs();
    const writtenAfter = async (spanMs: number): Promise<number> => {
      await clock.advance(spanMs);
      return (readStatus(dir)?.writtenMs ?? 0) - startedMs;
    };
    writer.start();
    expect(await writtenAfter(3_000)).toBe(2_000);
    // Clocks are set after the start, too.
    clock.stepWall(-DAY_MS);
    expect(await writtenAfter(57_000)).toBe(60_000 - DAY_MS);
    expect(await writtenAfter(29_000)).toBe(60_000 - DAY_MS);
    expect(await writtenAfter(1_000)).toBe(90_000 - DAY_MS);
    writer.stop();
  });

  it('stops nothing when it cannot be written, and says so once', async () => {
    const { tempPath, test } = ((): { tempPath: string; test: ReturnType<typeof bench> } => {
      using temp = tempDir();
      return { tempPath: temp.path, test: bench(temp.path) };
    })();
    expect(tempPath).not.toBe('');
    test.writer.start();
    await test.clock.advance(60_000);
    expect(test.warnings()).toBe(1);
    test.writer.stop();
  });

  it('is read when an agent from before there were programs has written it', () => {
    using temp = tempDir();
    const { dir, writer } = bench(temp.path);
    writer.start();
    const { processes: _, endReason: _reason, ...older } = readStatus(dir) ?? {};
    dir.write('status.json', JSON.stringify({ format: 1, ...older }));
    expect(readStatus(dir)).toMatchObject({ phase: 'LIVE', processes: [], endReason: null });
    writer.stop();
  });

  it.each(['', '{', '[]', '{"format":2}', '{"format":1,"pid":"x"}'])('takes %j for no report', (content) => {
    using temp = tempDir();
    const dir = PrivateDir.open(join(temp.path, 'agent'));
    writeFileSync(join(dir.path, 'status.json'), content, { mode: 0o600 });
    expect(readStatus(dir)).toBeUndefined();
  });
});

describe('readAgentStatus', () => {
  it('makes no folder', () => {
    using temp = tempDir();
    const path = join(temp.path, 'none');
    expect(readAgentStatus(path, 0)).toEqual({ isRunning: false, isConnected: false, report: undefined });
    expect(() => PrivateDir.open(join(path, 'x'))).not.toThrow();
  });

  it('takes an old report, or one of a process that is gone, for an agent that ended', () => {
    using temp = tempDir();
    const { clock, dir, writer } = bench(temp.path);
    writer.start();
    const nowMs = clock.wallMs();
    expect(readAgentStatus(dir.path, nowMs + 60_000)).toMatchObject({ isRunning: true, isConnected: true });
    // The clock was set back.
    expect(readAgentStatus(dir.path, nowMs - 60_000)).toMatchObject({ isRunning: true });
    expect(readAgentStatus(dir.path, nowMs + 90_000)).toMatchObject({ isRunning: false, isConnected: false });
    const report = JSON.stringify({ format: 1, ...readStatus(dir), pid: 2 ** 22 + 1 });
    dir.write('status.json', report);
    expect(readAgentStatus(dir.path, nowMs)).toMatchObject({ isRunning: false });
  });
});

describe('statusText', () => {
  const report: StatusReport = {
    pid: 7,
    version: '0.0.9',
    collector: 'https://monitor.example.org',
    startedMs: 0,
    writtenMs: 3_590_000,
    phase: 'IDLE',
    connectedSinceMs: null,
    endReason: null,
    lastAckMs: 3_000_000,
    recordsWaiting: 60,
    bytesWaiting: 24_000,
    bytesMax: 64 * 1024 * 1024,
    oldestWaitingMs: 3_000_000,
    samplesDropped: 12,
    isSpoolDurable: true,
    processes: [],
    settings: [{ key: 'interval', value: '30s', origin: 'collector, version 3' }],
  };
  const options = { dataDir: '/var/lib/x', nowMs: 3_600_000, paint: (_: string, text: string) => text };

  it('says what to look at', () => {
    const text = statusText({ isRunning: true, isConnected: false, report }, options);
    expect(text).toContain('running as process 7 since 1970-01-01T00:00:00Z (60 min ago)');
    expect(text).toContain('0.0.9 runs, 0.1.0 is installed; restart it');
    expect(text).toMatch(/not connected \(IDLE\); the log of the agent says why/);
    const refused = { ...report, phase: 'BACKOFF', endReason: 'the collector does not know this agent' };
    expect(statusText({ isRunning: true, isConnected: false, report: refused }, options)).toMatch(
      /not connected \(BACKOFF\); the collector does not know this agent/,
    );
    expect(text).toContain('interval 30s (collector, version 3)');
    expect(text).toMatch(
      /60 records, 23.4 KiB of 64.0 MiB on disk; the oldest that waits is\s+of 10 min ago/,
    );
    expect(text).toContain('12 samples since it was started');
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('names the busiest programs', () => {
    const text = statusText(
      { isRunning: true, isConnected: true, report: { ...report, processes: [SNAPSHOT] } },
      options,
    ).replaceAll(/\s+/g, ' ');
    expect(text).toContain(
      'busiest postgres ×4 (busiest 812): 1.25 processors, 410 MiB (60 s to 60 min ago)',
    );
  });

  it('says how to start an agent that does not run', () => {
    const text = statusText({ isRunning: false, isConnected: false, report: undefined }, options);
    expect(text.replace(/\s+/g, ' ')).toContain('start it with rollcall-agent run');
    const ended = statusText({ isRunning: false, isConnected: false, report }, options);
    expect(ended).toContain('it ended without a word');
  });
});
