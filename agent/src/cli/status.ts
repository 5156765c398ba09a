/** `rollcall-agent status`: how the agent of this machine does. */
import { existsSync } from 'node:fs';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { systemErrorCode } from '@rollcall/shared/lib/errors.ts';
import type { Config } from '../config/load.ts';
import { PrivateDir } from '../enroll/private-dir.ts';
import { programText } from '../self/program-text.ts';
import { AGENT_VERSION } from '../self/version.ts';
import { settingsText } from './stored-settings.ts';
import { readStatus, STATUS_INTERVAL_MS, type StatusReport } from './status-file.ts';
import { bytesText, counted, formatTable, spanText, type TableRow, type Terminal } from './terminal.ts';

/** A report older than this is not of a running agent, whatever process has its number now. */
const STALE_MS = 3 * STATUS_INTERVAL_MS;
const BUSIEST_SHOWN_MAX = 3;

/** What is known about the agent of a data folder. */
export interface Status {
  readonly isRunning: boolean;
  readonly isConnected: boolean;
  /** What it said last, undefined when it never did, or ended as it should. */
  readonly report: StatusReport | undefined;
}

/** Prints it; returns 0 when the agent runs and is connected, else 1. @throws AppError DATA_DIR_UNUSABLE */
export function showStatus(config: Config, isJson: boolean, terminal: Terminal): number {
  const nowMs = systemClock.wallMs();
  const status = readAgentStatus(config.dataDir, nowMs);
  if (isJson) terminal.print(`${JSON.stringify({ version: AGENT_VERSION, ...status }, null, 2)}\n`);
  else terminal.print(statusText(status, { dataDir: config.dataDir, nowMs, paint: terminal.paint }));
  return status.isConnected ? 0 : 1;
}

/** Makes no folder and changes nothing. @throws AppError DATA_DIR_UNUSABLE */
export function readAgentStatus(dataDir: string, nowMs: number): Status {
  const report = existsSync(dataDir) ? readStatus(PrivateDir.open(dataDir)) : undefined;
  // Against a clock that was set back: a report from the future is not stale.
  const isRunning = report !== undefined && nowMs - report.writtenMs < STALE_MS && isAlive(report.pid);
  return { isRunning, isConnected: isRunning && report.connectedSinceMs !== null, report };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Another user's process may not be asked, but it is there.
    return systemErrorCode(error) === 'EPERM';
  }
}

/** The lines for people. */
export function statusText(
  { isRunning, isConnected, report }: Status,
  options: { readonly dataDir: string; readonly nowMs: number; readonly paint: Terminal['paint'] },
): string {
  const { dataDir, nowMs, paint } = options;
  const ago = (timeMs: number): string => `${spanText(nowMs - timeMs)} ago`;
  const at = (timeMs: number): string => `${new Date(timeMs).toISOString().slice(0, 19)}Z (${ago(timeMs)})`;
  if (report === undefined) {
    const text = `no agent with data folder ${dataDir} runs; start it with rollcall-agent run, or give --data-dir`;
    return formatTable([{ cells: ['agent'], text }], paint);
  }
  const rows: TableRow[] = [
    {
      cells: ['agent'],
      text: isRunning
        ? `running as process ${report.pid} since ${at(report.startedMs)}`
        : `not running; it ended without a word, the last one is of ${at(report.writtenMs)}`,
    },
    { cells: ['version'], text: versionText(report.version) },
    { cells: ['collector'], text: report.collector },
    {
      cells: ['connection'],
      text:
        isConnected && report.connectedSinceMs !== null
          ? `connected since ${at(report.connectedSinceMs)}`
          : notConnectedText(report),
    },
    {
      cells: ['last ack'],
      text: report.lastAckMs === null ? 'none since it was started' : at(report.lastAckMs),
    },
    { cells: ['backlog'], text: backlogText(report, ago) },
    {
      cells: ['lost'],
      text:
        report.samplesDropped === 0
          ? 'nothing'
          : `${counted(report.samplesDropped, 'sample')} since it was started`,
    },
    ...(report.settings.length === 0 ? [] : [{ cells: ['settings'], text: settingsText(report.settings) }]),
    ...busiestRows(report, ago),
    { cells: ['as of'], text: ago(report.writtenMs) },
  ];
  return formatTable(rows, paint);
}

/** The busiest programs of the last look; none when they are not looked at. */
function busiestRows({ processes }: StatusReport, ago: (timeMs: number) => string): TableRow[] {
  const newest = processes.at(-1);
  if (newest === undefined) return [];
  const programs = newest.programs.slice(0, BUSIEST_SHOWN_MAX).map(programText);
  return [
    {
      cells: ['busiest'],
      text: `${programs.join('; ')} (${spanText(newest.spanMs)} to ${ago(newest.atMs)})`,
    },
  ];
}

function versionText(running: string): string {
  return running === AGENT_VERSION ? running : `${running} runs, ${AGENT_VERSION} is installed; restart it`;
}

/** What waits for the collector, in one line. */
export function backlogText(report: StatusReport, ago: (timeMs: number) => string): string {
  const { recordsWaiting, bytesWaiting, bytesMax, oldestWaitingMs, isSpoolDurable } = report;
  const where = isSpoolDurable ? 'on disk' : 'in memory';
  const size = `${bytesText(bytesWaiting)} of ${bytesText(bytesMax)} ${where}`;
  const oldest =
    oldestWaitingMs === null ? 'nothing waits' : `the oldest that waits is of ${ago(oldestWaitingMs)}`;
  return `${counted(recordsWaiting, 'record')}, ${size}; ${oldest}`;
}

/** Why there is no connection, or who knows. */
function notConnectedText({ phase, endReason }: Pick<StatusReport, 'phase' | 'endReason'>): string {
  return `not connected (${phase}); ${endReason ?? 'the log of the agent says why, and so does rollcall-agent doctor'}`;
}
