/**
 * Writes the boards that people import into Grafana: `node dashboards/generate.ts`. With `--check` it writes nothing and
 * fails when a file is not what it should be.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { boardFiles } from './src/files.ts';

const isCheck = process.argv.includes('--check');
for (const { path, text } of boardFiles()) {
  const file = join(import.meta.dirname, path);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  if (isCheck) {
    process.exitCode = 1;
    process.stderr.write(
      `dashboards/${path} does not match dashboards/src: run "npm run generate" and commit it\n`,
    );
  } else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    process.stdout.write(`wrote dashboards/${path}\n`);
  }
}
