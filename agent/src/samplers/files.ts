/** Reads what only some machines have: a file that is not there is no failure, one that cannot be read is. */
import type { MetricName } from '@rollcall/shared/catalogue/metrics.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { HostError, isAbsent, type Host } from '../host/host.ts';
import { sampleErrorCode } from './failure.ts';
import { byNumber, parseInteger } from './parse.ts';
import type { Readings, SampleErrorCode } from './readings.ts';
import { remembered } from './remembered.ts';

/**
 * Content of a kernel file, undefined when the machine has no such file or the file has no value at the moment.
 * @returns a view that the next reading overwrites
 * @throws HostError when it is there and cannot be read
 */
export function readIfPresent(host: Host, path: string): Buffer | undefined {
  if (!host.has(path)) return undefined;
  try {
    return host.read(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Text of a kernel file without white space around it, empty when there is none or it may not be read. */
export function readFact(host: Host, path: string): string {
  try {
    return readIfPresent(host, path)?.toString().trim() ?? '';
  } catch (error) {
    // A fact is a label: a part that is missing must not take the others along.
    if (error instanceof HostError) return '';
    throw error;
  }
}

/**
 * Names in a folder that match `pattern`, ordered by the number at their end; none when there is no such folder.
 * @throws HostError when it is there and cannot be read
 */
export function listIfPresent(host: Host, path: string, pattern: RegExp): string[] {
  if (!host.has(path)) return [];
  try {
    return host
      .list(path)
      .filter((name) => pattern.test(name))
      .sort(byNumber);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** A metric whose value is a number in a file of its own. */
export interface NumberFile {
  readonly metric: MetricName;
  /** Path, or name of the file within a folder. */
  readonly file: string;
  /** What the kernel's number is multiplied and divided by. */
  readonly times?: number;
  readonly per?: number;
}

/** Adds the number in `path`: nothing when there is none, a failure when it cannot be read or is not a number. */
export function addNumberFile(
  source: { readonly host: Host; readonly readings: Readings },
  path: string,
  { metric, times = 1, per = 1 }: Omit<NumberFile, 'file'>,
  labels: readonly string[],
): void {
  attempt(source.readings, [metric], labels, () => {
    const bytes = readIfPresent(source.host, path);
    if (bytes === undefined) return;
    source.readings.addLabelled(metric, labels, (parseInteger(bytes, path) * times) / per);
  });
}

/** A value that somebody sets and that is remembered for a while, or why it could not be read. */
export type Setting = { readonly metric: MetricName } & (
  { readonly value: number } | { readonly code: SampleErrorCode }
);

/**
 * Reads a setting without keeping its file open; undefined when there is none, or `parse` says so.
 */
export function readSetting(
  host: Host,
  path: string,
  row: { readonly metric: MetricName; readonly parse: (bytes: Buffer) => number | undefined },
): Setting | undefined {
  const { metric, parse } = row;
  if (!host.has(path)) return undefined;
  try {
    const value = parse(host.readOnce(path));
    return value === undefined ? undefined : { metric, value };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (!(error instanceof AppError)) throw error;
    return { metric, code: sampleErrorCode(error) };
  }
}

/** Adds the numbers in some files that somebody sets, as they were at most a minute ago. */
export function rememberedNumbers(
  clock: Clock,
  files: readonly NumberFile[],
): (host: Host, readings: Readings) => void {
  const settings = remembered(clock, (host) =>
    files.flatMap(({ metric, file, times = 1, per = 1 }) => {
      const parse = (bytes: Buffer): number => (parseInteger(bytes, file) * times) / per;
      return readSetting(host, file, { metric, parse }) ?? [];
    }),
  );
  return (host, readings) => {
    for (const setting of settings(host)) addSetting(readings, setting, NO_LABELS);
  };
}

const NO_LABELS: readonly string[] = [];

export function addSetting(readings: Readings, setting: Setting, labels: readonly string[]): void {
  if ('value' in setting) readings.addLabelled(setting.metric, labels, setting.value);
  else readings.failLabelled(setting.metric, labels, setting.code);
}

/**
 * Runs `read`; when it throws, the metrics that it would have added fail and the others of the sampler live on. It must
 * not throw after it added something.
 */
export function attempt(
  readings: Readings,
  metrics: readonly MetricName[],
  labels: readonly string[],
  read: () => void,
): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const code = sampleErrorCode(error);
    for (const metric of metrics) readings.failLabelled(metric, labels, code);
  }
}
