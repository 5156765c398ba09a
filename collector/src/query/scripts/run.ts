/** Runs PromQL test scripts against the engine on a store in memory. */
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Labels } from '../../storage/labels.ts';
import { MemoryStorage } from '../../storage/memory/memory.ts';
import { inHostParts } from '../../storage/testing/host-parts.ts';
import { parseQuery } from '../parse/parse.ts';
import { createQueryEngine } from '../query.ts';
import type { QueryEngine } from '../query.ts';
import type { QueryResult, QueryValue } from '../results.ts';
import { mismatch } from './compare.ts';
import { nativeSeriesOf, needsNative, readsSeries } from './native.ts';
import { parseScript } from './script.ts';
import type { EvalCommand, Expectation, LoadCommand, NoteExpectation } from './script.ts';
import { looksAtBounds, variantsOf } from './variants.ts';
import type { Variant } from './variants.ts';

/** An evaluation that did not give what it should. */
export interface ScriptFailure {
  readonly line: number;
  readonly expr: string;
  readonly reason: string;
}

/** Counts of evaluations, and what went wrong. */
export interface ScriptResult {
  readonly passed: number;
  /** Evaluations that need what Rollcall does not have, by its name. */
  readonly skipped: ReadonlyMap<string, number>;
  readonly failures: readonly ScriptFailure[];
}

/** Settings of the engine that a script runs on. */
export interface ScriptOptions {
  /** The script suite of Prometheus wants it delayed. */
  readonly isNameRemovalDelayed: boolean;
}

const SAMPLES_MAX = 10_000;
const RANGE_MARGIN_MS = 60_000;
/** Parts in which hosts are taken where that gives the same. */
const HOST_PARTS = 3;

/** Runs all evaluations of a script, also after one failed; what cannot be read counts as one that failed. */
export async function runScript(
  text: string,
  { isNameRemovalDelayed }: ScriptOptions,
): Promise<ScriptResult> {
  const newSession = (): Session => {
    const storage = new MemoryStorage();
    const limits = { samplesMax: SAMPLES_MAX };
    const settings = { clock: systemClock, limits, isNameRemovalDelayed };
    return {
      storage,
      engine: createQueryEngine({ storage, ...settings }),
      engineOfParts: createQueryEngine({ storage: inHostParts(storage, HOST_PARTS), ...settings }),
      nativeSeries: [],
      startedSeries: [],
    };
  };
  let session = newSession();
  let passed = 0;
  const skipped = new Map<string, number>();
  const failures: ScriptFailure[] = [];
  for (const command of parseScript(text)) {
    if (command.kind === 'clear') session = newSession();
    else if (command.kind === 'load') await load(command, session);
    else if (command.kind === 'unreadable') {
      failures.push({ line: command.line, expr: command.head, reason: command.reason });
    } else {
      const missing = missingFeature(command, session);
      if (missing !== undefined) {
        skipped.set(missing, (skipped.get(missing) ?? 0) + 1);
        continue;
      }
      const reason = await runEval(command, session);
      if (reason === undefined) passed++;
      else failures.push({ line: command.line, expr: command.expr, reason });
    }
  }
  return { passed, skipped, failures };
}

/** What an evaluation needs that Rollcall does not have, undefined when there is nothing. */
function missingFeature(command: EvalCommand, { nativeSeries, startedSeries }: Session): string | undefined {
  if (needsNative(command, nativeSeries)) return 'native histograms';
  if (readsSeries(command.expr, startedSeries)) return 'start timestamps';
  try {
    parseQuery(command.expr);
    return undefined;
  } catch (error) {
    const message = error instanceof AppError ? error.message : '';
    return /parse error: (.+?)(?: is)? not supported$/.exec(message)?.[1];
  }
}

interface Session {
  readonly storage: MemoryStorage;
  readonly engine: QueryEngine;
  /** Takes the hosts of the same storage in parts where that gives the same. */
  readonly engineOfParts: QueryEngine;
  readonly nativeSeries: Labels[];
  readonly startedSeries: Labels[];
}

async function load(command: LoadCommand, { storage, nativeSeries, startedSeries }: Session): Promise<void> {
  nativeSeries.push(...nativeSeriesOf(command));
  startedSeries.push(...command.startedSeries);
  // Of two lines with the same series in one load the later counts.
  const bySeries = new Map(command.series.map((series) => [series.labels.key, series]));
  await storage.append(
    [...bySeries.values()].map(({ labels, values }) => ({
      labels,
      samples: values.flatMap((value, i) => {
        const timeMs = i * command.stepMs;
        if (value === 'stale') return [{ timeMs, value: NaN, isStale: true }];
        return typeof value === 'number' ? [{ timeMs, value }] : [];
      }),
    })),
  );
}

/** What is wrong, or undefined. */
async function runEval(
  command: EvalCommand,
  { engine, engineOfParts }: Session,
): Promise<string | undefined> {
  const { expr, times } = command;
  if (times.kind === 'range') return judge(command, () => engine.range(expr, times, NEVER));
  for (const variant of variantsOf(expr, times.timeMs)) {
    const wrong = await judge(command, () => engine.instant(variant.expr, variant, NEVER));
    if (wrong !== undefined) return `${wrong} (${variant.expr} at ${variant.timeMs} ms)`;
    const unordered = { ...variant, isUnordered: true };
    const wrongInParts = command.isOrdered
      ? undefined
      : await judge(command, () => engineOfParts.instant(variant.expr, unordered, NEVER));
    if (wrongInParts !== undefined)
      return `${wrongInParts} (hosts in parts: ${variant.expr} at ${variant.timeMs} ms)`;
    // A range query has its own order, no strings, and begins and ends elsewhere.
    if (
      looksAtBounds(variant.expr) ||
      command.isOrdered ||
      command.result.kind === 'string' ||
      command.result.kind === 'matrix'
    )
      continue;
    const wrongInRange = await judge(command, () => middleOfRange(variant, command, engine));
    if (wrongInRange !== undefined)
      return `${wrongInRange} (as range query: ${variant.expr} at ${variant.timeMs} ms)`;
  }
  return undefined;
}

const NEVER = new AbortController().signal;

/** The result of a range query around the time of an instant query, cut to that time. */
async function middleOfRange(
  { expr, timeMs }: Variant,
  command: EvalCommand,
  engine: QueryEngine,
): Promise<QueryResult> {
  const times = {
    startMs: timeMs - RANGE_MARGIN_MS,
    endMs: timeMs + RANGE_MARGIN_MS,
    stepMs: RANGE_MARGIN_MS,
  };
  const result = await engine.range(expr, times, NEVER);
  if (result.value.kind !== 'matrix') throw new TypeError('range query without a matrix');
  const samples = result.value.series.flatMap(({ labels, timestamps, values }) => {
    const i = timestamps.indexOf(timeMs);
    return i === -1 ? [] : [{ labels, timeMs, value: values[i] ?? NaN }];
  });
  const [first] = samples;
  const value: QueryValue =
    command.result.kind === 'scalar' && first !== undefined
      ? { kind: 'scalar', timeMs, value: first.value }
      : { kind: 'vector', samples };
  return { ...result, value };
}

async function judge(command: EvalCommand, run: () => Promise<QueryResult>): Promise<string | undefined> {
  const { failure } = command;
  let result: QueryResult;
  try {
    result = await run();
  } catch (error) {
    if (failure === undefined || !(error instanceof AppError)) return `error: ${describeError(error)}`;
    return meets(failure, [error.message]) ? undefined : `other error than expected: ${error.message}`;
  }
  if (failure !== undefined) return 'no error';
  return (
    wrongNotes('warning', result.warnings, command.warnings) ??
    wrongNotes('info', result.infos, command.infos) ??
    mismatch(result.value, command)
  );
}

function wrongNotes(
  kind: 'warning' | 'info',
  notes: readonly string[],
  { wanted, areRefused }: NoteExpectation,
): string | undefined {
  const all = notes.join('; ');
  if (areRefused && notes.length > 0) return `unexpected ${kind}: ${all}`;
  if (!wanted.every((one) => meets(one, notes))) return `expected ${kind} not among: ${all}`;
  if (wanted.length === 0) return undefined;
  const stray = notes.find((note) => !wanted.some((one) => meets(one, [note])));
  return stray === undefined ? undefined : `unexpected ${kind}: ${stray}`;
}

function meets({ test }: Expectation, texts: readonly string[]): boolean {
  return texts.some((text) => test === undefined || test(text));
}
