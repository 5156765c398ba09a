/** `rollcall-collector rules show|backtest`: what a running collector says about rules. */
import { readFileSync } from 'node:fs';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { askJson } from './ask-json.ts';
import { rangeOf, spanOf, type RangeTimes } from './time.ts';
import * as z from 'zod';

/** Which collector is asked. */
export interface Asked {
  readonly url: string;
  readonly token: string | undefined;
}

export interface BacktestTimes extends RangeTimes {
  readonly step: string;
}

const rulesShape = z.object({
  rules: z.array(
    z.object({
      name: z.string(),
      level: z.string(),
      severity: z.string(),
      file: z.string(),
      forMs: z.number(),
      threshold: z.number().nullable(),
      recovery: z.number().nullable(),
      only: z.string(),
      origin: z.object({ name: z.string(), author: z.string(), reason: z.string() }).nullable(),
      alertCount: z.number(),
      lastError: z.string().nullable(),
    }),
  ),
  problems: z.array(z.object({ file: z.string(), problem: z.string() })),
});

/** All rules in force, a line each; those for some objects only say who wanted them and why. */
export async function showRules(asked: Asked): Promise<string> {
  const { rules, problems } = rulesShape.parse(await askJson(asked, '/v1/rules'));
  const rows = rules.map((rule) => [
    rule.name,
    rule.level,
    rule.severity,
    spanText(rule.forMs),
    rule.threshold === null ? '' : String(rule.threshold),
    rule.recovery === null ? '' : String(rule.recovery),
    String(rule.alertCount),
    rule.file,
    notesOn(rule),
  ]);
  const head = ['RULE', 'LEVEL', 'CLASS', 'FOR', 'THRESHOLD', 'RECOVERY', 'ALERTS', 'FILE', 'NOTES'];
  const wrong = problems.map(({ problem }) => `not in order: ${problem}\n`).join('');
  return wrong + tableText([head, ...rows]);
}

function notesOn({ only, origin, lastError }: z.output<typeof rulesShape>['rules'][number]): string {
  const who =
    origin === null
      ? ''
      : `${origin.name}: ${only === '' ? 'all' : only}, ${origin.author}: ${origin.reason}`;
  return [who, lastError === null ? '' : `failed: ${lastError}`].filter((text) => text !== '').join('; ');
}

const backtestShape = z.object({
  fromMs: z.number(),
  toMs: z.number(),
  stepMs: z.number(),
  pagesPerWeek: z.number(),
  nightPagesPerWeek: z.number(),
  rules: z.array(
    z.object({
      name: z.string(),
      severity: z.string(),
      labels: z.record(z.string(), z.string()),
      alertCount: z.number(),
      perWeek: z.number(),
      notes: z.array(z.string()),
      alerts: z.array(
        z.object({
          labels: z.record(z.string(), z.string()),
          startMs: z.number(),
          endMs: z.number().nullable(),
          valueMin: z.number().nullable(),
          valueMax: z.number().nullable(),
        }),
      ),
    }),
  ),
});

/**
 * What the rules of a file would have done, as text.
 * @param nowMs UTC milliseconds
 */
export async function backtestRules(
  fileName: string,
  times: BacktestTimes,
  asked: Asked,
  nowMs: number,
): Promise<string> {
  const { fromMs, toMs } = rangeOf(times, nowMs);
  const body = { rules: readText(fileName), fromMs, toMs, stepMs: spanOf('--step', times.step) };
  const report = backtestShape.parse(await askJson(asked, '/v1/rules/backtest', { body }));
  const rows = report.rules.flatMap(({ name, labels, severity, alertCount, perWeek, notes }) => [
    [name, labels['level'] ?? '', severity, String(alertCount), perWeek.toFixed(1), notes.join('; ')],
  ]);
  const alerts = report.rules.flatMap((rule) =>
    rule.alerts.map(({ labels, startMs, endMs, valueMin, valueMax }) => [
      rule.name,
      new Date(startMs).toISOString(),
      endMs === null ? 'still firing' : spanText(endMs - startMs),
      valueMin === valueMax ? String(valueMax) : `${valueMin} to ${valueMax}`,
      Object.entries(labels)
        .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
        .join(' '),
    ]),
  );
  return (
    tableText([['RULE', 'LEVEL', 'CLASS', 'ALERTS', 'PER WEEK', 'NOTES'], ...rows]) +
    (alerts.length === 0
      ? ''
      : `\n${tableText([['RULE', 'START', 'LASTED', 'VALUE', 'LABELS'], ...alerts])}`) +
    `\n${report.pagesPerWeek.toFixed(1)} pages a week, ${report.nightPagesPerWeek.toFixed(1)} of them at night\n`
  );
}

function readText(fileName: string): string {
  try {
    return readFileSync(fileName, 'utf8');
  } catch (error) {
    throw new AppError('BAD_CONFIG', `read ${fileName}: ${describeError(error)}`, { cause: error });
  }
}

/** A span in its two largest units. */
function spanText(spanMs: number): string {
  const seconds = Math.round(spanMs / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).slice(0, 2);
  return shown.length === 0 ? '0s' : shown.map(([count, unit]) => `${count}${unit}`).join('');
}

/** Columns as wide as their widest cell; what programs and people named is shown without control characters. */
function tableText(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map((cell) => cell.replaceAll(/\p{Cc}/gu, ' ')));
  const widths = (clean[0] ?? []).map((_, i) => Math.max(...clean.map((row) => row[i]?.length ?? 0)));
  const lines = clean.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}
