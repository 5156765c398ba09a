/** Query parameters, parsed once and refused with their name. */
import type { Request } from 'express';
import { AppError } from '@rollcall/shared/lib/errors.ts';

/** @throws AppError BAD_REQUEST */
export function textParameter(request: Request, name: string, maxLength: number): string | undefined {
  const value = request.query[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.length > maxLength) {
    throw new AppError(
      'BAD_REQUEST',
      `parameter ${name} must be one text of at most ${maxLength} characters`,
    );
  }
  return value;
}

/** @throws AppError BAD_REQUEST */
export function integerParameter(
  request: Request,
  name: string,
  range: { readonly min: number; readonly max: number; readonly fallback: number },
): number {
  const text = textParameter(request, name, 20);
  if (text === undefined) return range.fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < range.min || value > range.max) {
    throw new AppError(
      'BAD_REQUEST',
      `parameter ${name} must be a whole number from ${range.min} to ${range.max}`,
    );
  }
  return value;
}

/** @throws AppError BAD_REQUEST */
export function choiceParameter<T extends string>(
  request: Request,
  name: string,
  choices: readonly T[],
  fallback: T,
): T {
  const text = textParameter(request, name, 64);
  if (text === undefined) return fallback;
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined)
    throw new AppError('BAD_REQUEST', `parameter ${name} must be one of ${choices.join(', ')}`);
  return choice;
}

/** The part of the path that a route calls `id`; empty when it has none. */
export function idParameter(request: Request): string {
  const { id } = request.params;
  return typeof id === 'string' ? id : '';
}
