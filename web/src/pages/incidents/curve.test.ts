import { describe, expect, it } from 'vitest';
import { curveOf } from './curve.ts';

describe('the curve of an incident', () => {
  it('is nothing where there is no value', () => {
    expect(curveOf([], null)).toBeNull();
    expect(curveOf([null, null], 0.9)).toBeNull();
  });

  it('leaves gaps open, and shows a lone value', () => {
    expect(curveOf([0, 1, null, 1, null], null)).toEqual({
      pieces: ['0,92 150,8', '450,8 448,8'],
      thresholdY: null,
      min: 0,
      max: 1,
    });
  });

  it('has room for a threshold beyond its values', () => {
    expect(curveOf([0, 1], 2)).toMatchObject({ pieces: ['0,92 600,50'], thresholdY: 8, max: 1 });
  });

  it('lies in the middle when nothing moves', () => {
    expect(curveOf([5, 5], null)?.pieces).toEqual(['0,50 600,50']);
  });
});
