import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '@rollcall/shared/lib/disk.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { RuleFolder } from './folder.ts';

function ruleFile(name: string): string {
  return `groups: [{name: g, rules: [{alert: ${name}, expr: up}]}]`;
}

/** Names of all rules in force. */
function names(folder: RuleFolder): readonly string[] {
  return folder.files.flatMap(({ groups }) => groups.flatMap(({ rules }) => rules.map(({ name }) => name)));
}

describe('RuleFolder', () => {
  it('follows what is added, changed and taken away', () => {
    using dir = tempDir();
    const { path } = dir;
    const folder = new RuleFolder(path, nodeDisk);
    expect(folder.refresh()).toBe(false);
    writeFileSync(join(path, 'b.yml'), ruleFile('B'));
    writeFileSync(join(path, 'a.yaml'), ruleFile('A'));
    writeFileSync(join(path, 'notes.txt'), 'no rules');
    writeFileSync(join(path, '.hidden.yml'), 'no rules');
    expect(folder.refresh()).toBe(true);
    expect(names(folder)).toEqual(['A', 'B']);
    expect(folder.refresh()).toBe(false);
    writeFileSync(join(path, 'b.yml'), ruleFile('Changed'));
    rmSync(join(path, 'a.yaml'));
    expect(folder.refresh()).toBe(true);
    expect(names(folder)).toEqual(['Changed']);
  });

  it('keeps the rules of a file that was broken, and says which line', () => {
    using dir = tempDir();
    const { path } = dir;
    const folder = new RuleFolder(path, nodeDisk);
    writeFileSync(join(path, 'a.yml'), ruleFile('A'));
    folder.refresh();
    writeFileSync(join(path, 'a.yml'), `${ruleFile('B')}\nbroken: yes`);
    expect(folder.refresh()).toBe(true);
    expect(names(folder)).toEqual(['A']);
    expect(folder.problems).toHaveLength(1);
    expect(folder.problems[0]?.problem).toMatch(/a\.yml:2: field broken is not known/);
    expect(folder.refresh()).toBe(false);
    writeFileSync(join(path, 'a.yml'), ruleFile('Mended'));
    folder.refresh();
    expect(names(folder)).toEqual(['Mended']);
    expect(folder.problems).toEqual([]);
  });

  it('has no rules without a folder, and says so when it is no folder', () => {
    using dir = tempDir();
    const { path } = dir;
    const missing = new RuleFolder(join(path, 'nowhere'), nodeDisk);
    expect(missing.refresh()).toBe(false);
    expect(missing.problems).toEqual([]);
    writeFileSync(join(path, 'file'), '');
    const wrong = new RuleFolder(join(path, 'file'), nodeDisk);
    wrong.refresh();
    expect(wrong.problems).toHaveLength(1);
    mkdirSync(join(path, 'x.yml'));
    const odd = new RuleFolder(path, nodeDisk);
    odd.refresh();
    expect(odd.problems[0]?.problem).toMatch(/EISDIR/);
  });
});
