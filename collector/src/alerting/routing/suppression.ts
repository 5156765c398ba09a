/**
 * Why a notification is not sent at present. Suppression holds back the news that something is wrong, never the news
 * that it is over, and it always says who or what decided and until when.
 */
import type { Target } from './target.ts';

export interface Suppression {
  readonly kind: 'silence' | 'maintenance' | 'inhibition' | 'dependency' | 'flapping';
  /** The silence, the window, the incident or the host behind it. */
  readonly id: string;
  /** For people, one line. */
  readonly reason: string;
}

/** Judges targets at one moment; kept for a batch, not for longer. */
export interface Judge {
  /** All that holds the notifications of `target` back; empty when they may go. */
  suppressionsOf(target: Target): readonly Suppression[];
}

/** Something that suppresses. */
export interface Suppressor {
  /** @param nowMs wall clock */
  at(nowMs: number): Judge;
}

/** All of them as one. */
export function anyOf(suppressors: readonly Suppressor[]): Suppressor {
  return {
    at(nowMs) {
      const judges = suppressors.map((suppressor) => suppressor.at(nowMs));
      return { suppressionsOf: (target) => judges.flatMap((judge) => judge.suppressionsOf(target)) };
    },
  };
}

/** An instant as reasons show it, for example `2026-03-01 02:00 UTC`. */
export function instantText(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
