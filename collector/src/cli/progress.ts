/** Tells people how far long work is, every few seconds. */
import type { Clock } from '@rollcall/shared/lib/clock.ts';

const EVERY_MS = 2_000;

/** A function that prints what it is given at most every two seconds; the first time after two seconds. */
export function progressPrinter(clock: Clock, print: (text: string) => void): (text: () => string) => void {
  let printedMs = clock.monoMs();
  return (text) => {
    const nowMs = clock.monoMs();
    if (nowMs - printedMs < EVERY_MS) return;
    printedMs = nowMs;
    print(`${text()}\n`);
  };
}

/** 1234567 as `1,234,567`. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
