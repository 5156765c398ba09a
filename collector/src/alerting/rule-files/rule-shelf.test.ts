import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import { failWith, FakeDisk } from '@rollcall/shared/testing/fake-disk.ts';
import { describe, expect, it } from 'vitest';
import { readThresholdFile } from '../thresholds/threshold-file.ts';
import { RuleShelf } from './rule-shelf.ts';

const GOOD = 'groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]\n';

function shelf() {
  const disk = new FakeDisk();
  disk.makeDir('/data');
  let changes = 0;
  const rules = new RuleShelf({
    disk,
    folder: '/data/rules',
    thresholdsPath: '/data/thresholds.yaml',
    checkThresholds: (text) => readThresholdFile(text).problems,
    changed: () => void changes++,
  });
  return { disk, rules, changes: () => changes };
}

describe('RuleShelf', () => {
  it('stores, replaces, gives back and removes a file', async () => {
    const { rules, disk, changes } = shelf();
    await rules.put('own.yml', GOOD);
    await rules.put('own.yml', `# new\n${GOOD}`);
    expect(rules.read('own.yml')).toBe(`# new\n${GOOD}`);
    expect(disk.list('/data/rules')).toEqual(['own.yml']);
    await rules.remove('own.yml');
    expect(thrownCode(() => rules.read('own.yml'))).toBe('NOT_FOUND');
    await expect(rules.remove('own.yml')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(changes()).toBe(3);
  });

  it('refuses a broken file with its lines, and leaves the old one', async () => {
    const { rules, changes } = shelf();
    await rules.put('own.yml', GOOD);
    await expect(
      rules.put('own.yml', 'groups:\n  - name: g\n    rules: [{alert: A, expr: "sum("}]\n'),
    ).rejects.toMatchObject({
      code: 'RULES_FAILED',
      message: expect.stringMatching(/^own\.yml:3: could not parse expression/),
    });
    expect(rules.read('own.yml')).toBe(GOOD);
    expect(changes()).toBe(1);
  });

  it.each(['../evil.yml', 'a/b.yml', '.hidden.yml', 'a.txt', '', 'a\0.yml', `${'a'.repeat(200)}.yml`])(
    'refuses the name %j',
    async (name) => {
      const { rules } = shelf();
      expect(thrownCode(() => rules.read(name))).toBe('BAD_REQUEST');
      await expect(rules.put(name, GOOD)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
      await expect(rules.remove(name)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    },
  );

  it('leaves the old file when the disk fails, and works again afterwards', async () => {
    const { rules, disk } = shelf();
    await rules.put('own.yml', GOOD);
    disk.fault = (call) => {
      if (call === 'write') failWith('ENOSPC');
    };
    await expect(rules.put('own.yml', `# new\n${GOOD}`)).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(rules.read('own.yml')).toBe(GOOD);
    disk.fault = () => {};
    await rules.put('own.yml', `# newer\n${GOOD}`);
    expect(rules.read('own.yml')).toBe(`# newer\n${GOOD}`);
  });

  it('keeps thresholds apart, and checks them too', async () => {
    const { rules } = shelf();
    expect(rules.readThresholds()).toBe('');
    await expect(rules.putThresholds('thresholds: [{name: a}]')).rejects.toMatchObject({
      code: 'RULES_FAILED',
    });
    const text = 'thresholds: [{name: a, rule: CpuHigh, threshold: off, author: ana, reason: test bench}]\n';
    await rules.putThresholds(text);
    expect(rules.readThresholds()).toBe(text);
  });
});
