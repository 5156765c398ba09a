/**
 * Runs every `*.test` script of a folder: `npm run promqltest -- FOLDER`. Exits 0 only when none fails.
 * Metric names are removed late, as the suite of Prometheus wants it, but for `*.immediate.test`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runScript } from '../../collector/src/query/scripts/run.ts';

const folder = process.argv[2] ?? process.env['ROLLCALL_CONFORMANCE'];
if (folder === undefined) {
  console.error('usage: npm run promqltest -- FOLDER (or set ROLLCALL_CONFORMANCE)');
  process.exit(2);
}

const total = { passed: 0, failed: 0 };
const skipped = new Map<string, number>();
for (const name of readdirSync(folder)
  .filter((entry) => entry.endsWith('.test'))
  .sort()) {
  const path = join(folder, name);
  const result = await runScript(readFileSync(path, 'utf8'), {
    isNameRemovalDelayed: !name.endsWith('.immediate.test'),
  });
  for (const { line, expr, reason } of result.failures)
    console.log(`${path}:${line}: ${expr}\n    ${reason}`);
  total.passed += result.passed;
  total.failed += result.failures.length;
  for (const [name, count] of result.skipped) skipped.set(name, (skipped.get(name) ?? 0) + count);
}
for (const [name, count] of skipped) console.log(`skipped for want of ${name}: ${count}`);
const skippedCount = [...skipped.values()].reduce((sum, count) => sum + count, 0);
console.log(`${total.passed} passed, ${total.failed} failed, ${skippedCount} skipped`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
