/** Reads PromQL test scripts: data to load, queries to run, results to expect. */
import { RE2JS } from 're2js';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { decodeString, parseDuration } from '../parse/literals.ts';
import type { Labels } from '../../storage/labels.ts';
import { parseSeriesLine, signedNumber, startedSeriesOf } from '../parse/series-notation.ts';
import type { NotedSeries } from '../parse/series-notation.ts';

/** Series to store; the first value of each stands at time 0. */
export interface LoadCommand {
  readonly kind: 'load';
  readonly line: number;
  readonly stepMs: number;
  readonly series: readonly NotedSeries[];
  /** Series whose samples say when they began to count, which we do not keep. */
  readonly startedSeries: readonly Labels[];
  /** Prometheus would also make native histograms from the buckets; we load the buckets. */
  readonly makesNative: boolean;
}

/** A note or error that must appear; `test` is undefined when its text does not matter. */
export interface Expectation {
  readonly test: ((text: string) => boolean) | undefined;
}

/** What must and must not be among the warnings or infos of a result. */
export interface NoteExpectation {
  /** Each must be met by a note; where there are any, each note must meet one. */
  readonly wanted: readonly Expectation[];
  readonly areRefused: boolean;
}

/** What an evaluation must give. */
export type ExpectedResult =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'series'; readonly series: readonly NotedSeries[] }
  | {
      readonly kind: 'matrix';
      readonly startMs: number;
      readonly stepMs: number;
      readonly series: readonly NotedSeries[];
    };

/** A query and what to expect of it; times are UTC milliseconds. */
export interface EvalCommand {
  readonly kind: 'eval';
  readonly line: number;
  readonly expr: string;
  readonly times:
    | { readonly kind: 'instant'; readonly timeMs: number }
    | { readonly kind: 'range'; readonly startMs: number; readonly endMs: number; readonly stepMs: number };
  readonly failure: Expectation | undefined;
  readonly warnings: NoteExpectation;
  readonly infos: NoteExpectation;
  readonly isOrdered: boolean;
  readonly result: ExpectedResult;
}

/** Lines that are no command that we know. */
export interface UnreadableCommand {
  readonly kind: 'unreadable';
  readonly line: number;
  readonly head: string;
  readonly reason: string;
}

/** One step of a script; `line` counts from 1. */
export type Command =
  LoadCommand | EvalCommand | UnreadableCommand | { readonly kind: 'clear'; readonly line: number };

interface Block {
  readonly line: number;
  readonly head: string;
  readonly body: readonly string[];
}

/** What cannot be read is a command of its own, so that it keeps no other from being run. */
export function parseScript(text: string): readonly Command[] {
  // Scripts from before there were lines of `expect` have no other way to allow a warning than by naming it.
  const refusesWarnings = !/^\s*expect\s/im.test(text);
  return blocksOf(text).map((block) => {
    try {
      return parseBlock(block, refusesWarnings);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { kind: 'unreadable', line: block.line, head: block.head, reason: error.message };
    }
  });
}

/** Commands with the lines that belong to them; comments count as empty lines, and an empty line ends a block. */
function blocksOf(text: string): readonly Block[] {
  const blocks: Block[] = [];
  let body: string[] | undefined;
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) body = undefined;
    else if (body !== undefined) body.push(line);
    else {
      const own: string[] = [];
      blocks.push({ line: i + 1, head: line, body: own });
      // Nothing belongs to `clear`; the next command may follow directly.
      if (!/^clear$/i.test(line)) body = own;
    }
  }
  return blocks;
}

const INSTANT = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+)\s+)?(.+)$/i;
const RANGE = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$/i;
const LOAD = /^load(_with_nhcb)?\s+(\S+)$/i;

function parseBlock({ line, head, body }: Block, refusesWarnings: boolean): Command {
  if (/^clear$/i.test(head)) return { kind: 'clear', line };
  const load = LOAD.exec(head);
  if (load !== null) {
    const stepMs = duration(load[2] ?? '');
    return {
      kind: 'load',
      line,
      stepMs,
      ...loadedSeries(body),
      makesNative: load[1] !== undefined,
    };
  }
  const instant = INSTANT.exec(head);
  if (instant !== null) {
    const [, suffix, time = '0', expr = ''] = instant;
    return evalCommand(
      { line, head, body },
      { expr, suffix, refusesWarnings, times: { kind: 'instant', timeMs: duration(time) } },
    );
  }
  const range = RANGE.exec(head);
  if (range !== null) {
    const [, suffix, from = '', to = '', step = '', expr = ''] = range;
    const times = {
      kind: 'range',
      startMs: duration(from),
      endMs: duration(to),
      stepMs: duration(step),
    } as const;
    return evalCommand({ line, head, body }, { expr, suffix, refusesWarnings, times });
  }
  throw new AppError('BAD_REQUEST', `unknown command: ${head}`);
}

/** A line `@st -1m` without a series tells when all that follow began to count. */
function loadedSeries(body: readonly string[]): Pick<LoadCommand, 'series' | 'startedSeries'> {
  const series: NotedSeries[] = [];
  const startedSeries: Labels[] = [];
  let isStarted = false;
  for (const text of body) {
    if (/^@st\s/.test(text)) {
      isStarted = true;
      continue;
    }
    const started = startedSeriesOf(text);
    if (started !== undefined) {
      startedSeries.push(started);
      continue;
    }
    const noted = parseSeriesLine(text);
    series.push(noted);
    if (isStarted) startedSeries.push(noted.labels);
  }
  return { series, startedSeries };
}

const ANY: Expectation = { test: undefined };
const EXPECT = /^expect\s+(fail|warn|info|no_warn|no_info|ordered|string|range vector)\b\s*(.*)$/i;
const FAIL_TEXT = /^expected_fail_(message|regexp)\s+(.+)$/i;

function evalCommand(
  { line, body }: Block,
  {
    expr,
    suffix,
    refusesWarnings,
    times,
  }: Pick<EvalCommand, 'expr' | 'times'> & {
    readonly suffix: string | undefined;
    readonly refusesWarnings: boolean;
  },
): EvalCommand {
  const tag = suffix?.toLowerCase();
  let failure = tag === 'fail' ? ANY : undefined;
  const warnings = tag === 'warn' ? [ANY] : [];
  const infos = tag === 'info' ? [ANY] : [];
  let isOrdered = tag === 'ordered';
  const refused = { warnings: refusesWarnings && warnings.length === 0 && !isOrdered, infos: false };
  let special: { readonly kind: string; readonly rest: string } | undefined;
  const results: string[] = [];
  for (const text of body) {
    const failText = FAIL_TEXT.exec(text);
    const [, kind, rest = ''] = EXPECT.exec(text) ?? [];
    if (failText !== null)
      failure = expectation(`${failText[1] === 'message' ? 'msg' : 'regex'}: ${failText[2]}`);
    else if (kind === undefined) results.push(text);
    else if (kind === 'fail') failure = expectation(rest);
    else if (kind === 'warn') warnings.push(expectation(rest));
    else if (kind === 'info') infos.push(expectation(rest));
    else if (kind === 'ordered') isOrdered = true;
    else if (kind === 'no_info') refused.infos = true;
    else if (kind === 'no_warn') refused.warnings = true;
    else special = { kind, rest };
  }
  const result = expectedResult(results, special);
  return {
    kind: 'eval',
    line,
    expr,
    times,
    failure,
    warnings: { wanted: warnings, areRefused: refused.warnings },
    infos: { wanted: infos, areRefused: refused.infos },
    isOrdered,
    result,
  };
}

function expectedResult(
  lines: readonly string[],
  special: { readonly kind: string; readonly rest: string } | undefined,
): ExpectedResult {
  if (special?.kind === 'string') {
    const text = decodeString(special.rest);
    if (text === undefined) throw new AppError('BAD_REQUEST', `not a string: ${special.rest}`);
    return { kind: 'string', text };
  }
  const [first = ''] = lines;
  if (lines.length === 1 && /^[+-]?(?:\d|\.\d|inf|nan)\S*$/i.test(first)) {
    return { kind: 'scalar', value: signedNumber(first) };
  }
  const series = lines.map(parseSeriesLine);
  if (special === undefined) return { kind: 'series', series };
  const times = /^from\s+(\S+)\s+to\s+\S+\s+step\s+(\S+)$/i.exec(special.rest);
  if (times === null)
    throw new AppError('BAD_REQUEST', `not understood: expect range vector ${special.rest}`);
  return { kind: 'matrix', startMs: duration(times[1] ?? ''), stepMs: duration(times[2] ?? ''), series };
}

function expectation(text: string): Expectation {
  const [, form, wanted = ''] = /^(msg|regex):\s*(.*)$/.exec(text.trim()) ?? [];
  if (form === undefined) return ANY;
  if (form === 'msg') return { test: (actual) => actual === wanted || actual.includes(wanted) };
  const pattern = goPattern(wanted);
  return { test: (actual) => pattern.matcher(actual).find() };
}

function goPattern(text: string): RE2JS {
  try {
    return RE2JS.compile(text);
  } catch (error) {
    throw new AppError('BAD_REQUEST', `not understood: regex: ${text}`, { cause: error });
  }
}

/** A duration, a number of seconds, or either with a sign, in milliseconds. */
function duration(text: string): number {
  const unsigned = text.replace(/^[+-]/, '');
  const sign = text.startsWith('-') ? -1 : 1;
  return sign * (parseDuration(unsigned) ?? signedNumber(unsigned) * 1000);
}
