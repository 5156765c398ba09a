/** What `doctor` finds: each thing that it tried, how it went, and why. Pure. */
import { NOT_READABLE } from '@rollcall/shared/inventory/canonical.ts';
import { parseJsonObject } from '@rollcall/shared/protocol/json.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import type { InventoryReading } from '../inventory/report.ts';
import type { ProbeAnswer } from './collector-probe.ts';
import type { StatusReport } from './status-file.ts';
import { bytesText, counted, spanText } from './terminal.ts';

/**
 * ok · absent: this machine has no such thing · not readable: it has, but not for this user · warning: works, and will
 * soon not · failed: must be repaired
 */
export type FindingState = 'ok' | 'absent' | 'not readable' | 'warning' | 'failed';

export interface Finding {
  readonly group: 'samplers' | 'inventory' | 'agent';
  readonly name: string;
  readonly state: FindingState;
  /** For people: what it is, or why and what to do. */
  readonly detail: string;
}

/** Only a failure is a reason to call somebody: to lack rights may be meant. */
export function isBad({ state }: Finding): boolean {
  return state === 'failed';
}

export function inventoryFindings(
  { sections, missing }: InventoryReading,
  excluded: readonly string[],
): Finding[] {
  const group = 'inventory';
  return [
    ...sections.map(({ name, bytes }): Finding => {
      const kept = notReadable(parseJsonObject(bytes, LIMITS.inventoryBytes));
      const state = kept === 0 ? 'ok' : 'not readable';
      const hint = kept === 0 ? '' : `; ${counted(kept, 'value')} only as root`;
      return { group, name, state, detail: `${bytesText(bytes.length)}${hint}` };
    }),
    ...missing.map(({ name, reason }): Finding => {
      const isDenied = /permission denied|EACCES|EPERM/i.test(reason);
      return { group, name, state: isDenied ? 'not readable' : 'failed', detail: reason };
    }),
    ...excluded.map((name): Finding => ({
      group,
      name,
      state: 'absent',
      detail: 'excluded by exclude-section',
    })),
  ];
}

function notReadable(value: unknown): number {
  if (value === NOT_READABLE) return 1;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, child: unknown) => sum + notReadable(child), 0);
}

/** Whether the agent that runs is connected: that the collector answers others does not say that it takes this one. */
export function connectionFinding(
  report: Pick<StatusReport, 'phase' | 'connectedSinceMs' | 'endReason'>,
): Pick<Finding, 'state' | 'detail'> {
  const { phase, connectedSinceMs, endReason } = report;
  if (connectedSinceMs !== null) {
    return { state: 'ok', detail: `connected since ${new Date(connectedSinceMs).toISOString()}` };
  }
  return endReason === null
    ? { state: 'warning', detail: `not connected yet (${phase})` }
    : { state: 'failed', detail: `not connected (${phase}); ${endReason}` };
}

const DAY_MS = 86_400_000;
const CERTIFICATE_WARNING_MS = 14 * DAY_MS;
/** Records of more than 10 minutes in the future are refused by the collector. */
const OFFSET_FAILED_MS = 10 * 60_000;
const OFFSET_WARNING_MS = 5_000;

export function collectorFindings(answer: ProbeAnswer, shown: string, nowMs: number): Finding[] {
  const { statusCode, roundTripMs, clockOffsetMs, clockUncertaintyMs, certificateUntilMs } = answer;
  const group = 'agent';
  const findings: Finding[] = [
    {
      group,
      name: 'collector',
      state: statusCode === 200 ? 'ok' : 'failed',
      detail:
        statusCode === 200
          ? `${shown} answers within ${Math.max(1, Math.round(roundTripMs))} ms`
          : `${shown} answers with HTTP status ${statusCode}: is it a Rollcall collector?`,
    },
  ];
  if (certificateUntilMs !== undefined) {
    const leftMs = certificateUntilMs - nowMs;
    const until = new Date(certificateUntilMs).toISOString().slice(0, 10);
    findings.push({
      group,
      name: 'certificate',
      state: leftMs < 0 ? 'failed' : leftMs < CERTIFICATE_WARNING_MS ? 'warning' : 'ok',
      detail: leftMs < 0 ? `ended on ${until}` : `trusted, ends on ${until} (in ${spanText(leftMs)})`,
    });
  }
  findings.push({ group, name: 'clock', ...clockFinding(clockOffsetMs, clockUncertaintyMs) });
  return findings;
}

function clockFinding(
  offsetMs: number | undefined,
  uncertaintyMs: number,
): Pick<Finding, 'state' | 'detail'> {
  if (offsetMs === undefined) return { state: 'absent', detail: 'the collector does not say the time' };
  // What may be an error of measuring is not held against the clock.
  const surelyMs = Math.max(0, Math.abs(offsetMs) - uncertaintyMs);
  const direction = offsetMs > 0 ? 'behind' : 'ahead of';
  if (surelyMs < OFFSET_WARNING_MS) {
    return {
      state: 'ok',
      detail: `within ${spanText(Math.abs(offsetMs) + uncertaintyMs)} of the collector's`,
    };
  }
  const detail = `${spanText(Math.abs(offsetMs))} ${direction} the collector's; is time synchronisation on?`;
  return { state: surelyMs < OFFSET_FAILED_MS ? 'warning' : 'failed', detail };
}
