/** How long agents wait for an acknowledgement while nobody asks anything, and while hostile queries run. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { hostileQueries, measureUnderFire, startTarget } from '../test/harness/hostile.ts';

const HELP = `npm run bench -- hostile [--hosts 50] [--seconds 15] [--at 6] [--json]

  --hosts    simulated agents, each with half an hour of history
  --seconds  of measuring, once in quiet and once under fire
  --at       hostile queries at a time
`;

export async function hostile(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      help: { type: 'boolean', default: false },
      hosts: { type: 'string', default: '50' },
      seconds: { type: 'string', default: '15' },
      at: { type: 'string', default: '6' },
      json: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  using folder = tempDir();
  const target = await startTarget(join(folder.path, 'data'), { hosts: Number(values.hosts) });
  try {
    const seconds = Number(values.seconds);
    const { quietMs, underFireMs, asked } = await measureUnderFire(target, {
      seconds,
      at: Number(values.at),
    });
    const rows = { quiet: figuresOf(quietMs), 'under fire': figuresOf(underFireMs) };
    if (values.json) {
      process.stdout.write(`${JSON.stringify({ hosts: Number(values.hosts), asked, rows })}\n`);
      return;
    }
    process.stdout.write(
      `${values.hosts} hosts; ${asked} hostile queries of ${hostileQueries().length} kinds, ${values.at} at a time\n`,
    );
    process.stdout.write('acknowledgements   count    median       p99   longest\n');
    for (const [name, { count, medianMs, p99Ms, maxMs }] of Object.entries(rows)) {
      const cells = [medianMs, p99Ms, maxMs].map((ms) => `${ms.toFixed(1)} ms`.padStart(10));
      process.stdout.write(`${name.padEnd(16)} ${String(count).padStart(7)}${cells.join('')}\n`);
    }
    const ratio = rows['under fire'].medianMs / rows.quiet.medianMs;
    process.stdout.write(`ratio of the medians ${ratio.toFixed(2)}\n`);
  } finally {
    await target.stop();
  }
}

function figuresOf(all: readonly number[]) {
  const sorted = all.toSorted((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { count: sorted.length, medianMs: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
