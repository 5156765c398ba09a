/** The words of a notification, for receivers that show text. */
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { isEnding, type TransitionKind } from '../incidents/transition.ts';
import type { Notification } from './notifier.ts';

const HEADINGS: Readonly<Record<TransitionKind, string>> = {
  fired: 'FIRING',
  escalated: 'FIRING',
  acknowledged: 'ACKNOWLEDGED',
  unacknowledged: 'UNACKNOWLEDGED',
  commented: 'COMMENTED',
  resolved: 'RESOLVED',
  closed: 'CLOSED',
};

/** What a message is about, for colours: receivers see an escalation as the alert that it is. */
export function toneOf(kind: TransitionKind): 'fired' | 'resolved' | 'closed' {
  return isEnding(kind) ? kind : 'fired';
}

/** For example `[FIRING] /var on web-1 is 95% full`; one line. */
export function headline({ kind, snapshot }: Notification): string {
  return `[${HEADINGS[kind]}] ${oneLine(snapshot.title)}`;
}

/** The facts in their order, as name and value; what is not known is left out. */
export function facts({ snapshot, incidentId }: Notification): readonly (readonly [string, string])[] {
  const { hostName, value, threshold, severity, rule, openedMs, resolvedMs, endReason } = snapshot;
  const rows: [string, string | null][] = [
    ['Host', hostName],
    ['Rule', rule],
    ['Severity', severity],
    ['Value', value === null ? null : formatNumber(value)],
    ['Threshold', threshold === null ? null : formatNumber(threshold)],
    ['Since', timeText(openedMs)],
    ['Ended', resolvedMs === null ? null : timeText(resolvedMs)],
    ['Reason', endReason],
    ['Incident', incidentId],
  ];
  return rows.flatMap(([name, text]) =>
    text === null || text === '' ? [] : [[name, oneLine(text)] as const],
  );
}

/** Where people see the incident. */
export function incidentLink({ incidentId }: Notification, externalUrl: string): string {
  return `${externalUrl}/incidents/${encodeURIComponent(incidentId)}`;
}

/** `text` with at most `max` characters (UTF-16 units), marked where it was cut. */
export function shorten(text: string, max: number): string {
  return text.length <= max
    ? text
    : `${text
        .slice(0, max - 1)
        .toWellFormed()
        .replace(/\ufffd$/, '')}…`;
}

/** `text` with at most `maxBytes` bytes of UTF-8, marked where it was cut. */
export function shortenBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const mark = '…';
  const cut = Buffer.from(text).subarray(0, maxBytes - Buffer.byteLength(mark));
  return `${cut.toString('utf8').replace(/\ufffd+$/, '')}${mark}`;
}

/** For HTML, and for what takes the same three characters for markup. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Takes the meaning from the characters of Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+\-.!|~>]/g, '\\$&');
}

function oneLine(text: string): string {
  return cleanText(text.replaceAll(/\s+/g, ' '), 4096);
}

/** Four digits are enough for a message. */
export function formatNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

/** For example `2026-01-02 03:04:05 UTC`. */
export function timeText(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
