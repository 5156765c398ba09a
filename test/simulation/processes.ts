/** Spreads seeds over processes. */
import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import type { SeedReport } from './report.ts';

const MAIN = resolve(import.meta.dirname, 'main.ts');

/** Runs `count` seeds from `from` on in `jobs` processes. Rejects when one of them ends in another way than by itself. */
export async function runInProcesses(options: {
  readonly from: number;
  readonly count: number;
  readonly jobs: number;
  readonly tell: (report: SeedReport) => void;
}): Promise<void> {
  const { from, count, jobs, tell } = options;
  const share = Math.ceil(count / jobs);
  const shares = Array.from({ length: jobs }, (_unused, index) => ({
    from: from + index * share,
    count: Math.max(0, Math.min(share, count - index * share)),
  }));
  await Promise.all(shares.filter((part) => part.count > 0).map((part) => runShare(part, tell)));
}

function runShare(
  part: { readonly from: number; readonly count: number },
  tell: (report: SeedReport) => void,
): Promise<void> {
  const child = fork(MAIN, ['--child', '--from', String(part.from), '--seeds', String(part.count)], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  child.on('message', (message) => {
    if (isReport(message)) tell(message);
  });
  return new Promise((resolveShare, reject) => {
    child.once('exit', (code, signal) => {
      if (code === 0) resolveShare();
      else reject(new Error(`the process of seeds ${part.from} and following ended with ${code ?? signal}`));
    });
  });
}

function isReport(message: unknown): message is SeedReport {
  return typeof message === 'object' && message !== null && 'seed' in message && 'marks' in message;
}
