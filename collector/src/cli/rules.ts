/** `rollcall-collector rules check|test`: rule files before they go live. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { badFile, parseRuleFile, readRuleFile, type RuleGroup } from '../alerting/rule-files/rule-file.ts';
import { readUnitTestFile } from '../alerting/rule-files/unit-test-file.ts';
import { runUnitTests } from '../alerting/rule-files/unit-test.ts';
import { createQueryEngine } from '../query/query.ts';
import { openScratchStorage } from '../storage/open.ts';

/** What a command found, for people and for the exit code. */
export interface RulesReport {
  /** For standard output; ends with a line break. */
  readonly text: string;
  /** How many files have something wrong. */
  readonly failedCount: number;
}

/** Reads every file and says what is wrong with it, line by line. */
export function checkRules(fileNames: readonly string[]): RulesReport {
  let text = '';
  let failedCount = 0;
  for (const fileName of fileNames) {
    const { groups, problems } = readRuleFile(readText(fileName));
    text += `${fileName}\n`;
    if (problems.length === 0) {
      text += `  ok: ${countText(groups)}\n`;
      continue;
    }
    failedCount++;
    text += problems.map(({ line, message }) => `  line ${line}: ${message}\n`).join('');
  }
  return { text, failedCount };
}

/** Runs every unit-test file in promtool's format. A pattern that fits no file is only a warning, as there. */
export async function testRules(fileNames: readonly string[]): Promise<RulesReport> {
  let text = '';
  let failedCount = 0;
  for (const fileName of fileNames) {
    const { warnings, failures } = await runTestFile(fileName);
    text += `${fileName}\n`;
    text += warnings.map((warning) => `  warning: ${warning}\n`).join('');
    if (failures.length === 0) text += '  ok\n';
    else failedCount++;
    text += failures.map((failure) => `  ${failure.replaceAll('\n', '\n  ')}\n`).join('');
  }
  return { text, failedCount };
}

interface TestReport {
  readonly warnings: readonly string[];
  readonly failures: readonly string[];
}

async function runTestFile(fileName: string): Promise<TestReport> {
  const { file, problems } = readUnitTestFile(readText(fileName));
  if (problems.length > 0) return { warnings: [], failures: [badFile(fileName, problems).message] };
  const found = file.ruleFiles.map((pattern) => ({ pattern, paths: filesOf(fileName, pattern) }));
  const warnings = found
    .filter(({ paths }) => paths.length === 0)
    .map(({ pattern }) => `no file is named or fits ${pattern}`);
  let groups: readonly RuleGroup[];
  try {
    groups = found.flatMap(({ paths }) => paths).flatMap((path) => parseRuleFile(readText(path), path));
  } catch (error) {
    if (error instanceof AppError) return { warnings, failures: [error.message] };
    throw error;
  }
  const failures = await runUnitTests({
    file,
    groups,
    newStore: () => {
      const storage = openScratchStorage();
      const engine = createQueryEngine({ storage, clock: systemClock });
      return { append: (series) => storage.append(series), engine };
    },
  });
  return {
    warnings,
    failures: failures.map(
      ({ test, line, message }) => `${test}${line === 0 ? '' : ` (line ${line})`}: ${message}`,
    ),
  };
}

/** The rule files that a name or pattern in a test file stands for, relative to its folder. */
function filesOf(testFileName: string, pattern: string): readonly string[] {
  const folder = dirname(resolve(testFileName));
  const path = resolve(folder, pattern);
  if (existsSync(path)) return [path];
  return globSync(pattern, { cwd: folder })
    .sort()
    .map((name) => resolve(folder, name));
}

function readText(fileName: string): string {
  try {
    return readFileSync(fileName, 'utf8');
  } catch (error) {
    throw new AppError(
      'BAD_CONFIG',
      `read ${fileName}: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}

function countText(groups: readonly RuleGroup[]): string {
  const rules = groups.flatMap((group) => group.rules);
  const alerting = rules.filter(({ kind }) => kind === 'alerting').length;
  return `${groups.length} groups, ${alerting} alerting and ${rules.length - alerting} recording rules`;
}
