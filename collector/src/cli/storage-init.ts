/** `rollcall-collector storage init`: prepares the stores of the configuration and says what it did. */
import { withDeadline, type Clock } from '@rollcall/shared/lib/clock.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { plainStores } from '../config/derive.ts';
import type { Config } from '../config/options.ts';
import { prepareStore } from '../storage/prepare-store.ts';
import type { PreparationStep } from '../storage/preparation.ts';
import { table } from './output.ts';

export interface StorageInitOptions {
  /** Only this store; all of them when undefined. */
  readonly store: string | undefined;
  readonly isDryRun: boolean;
  readonly hasRollups: boolean;
  readonly isJson: boolean;
}

/** For all steps of one store. */
const PREPARE_MS_MAX = 60_000;

/** @throws AppError BAD_CONFIG (no such store), STORAGE_UNAVAILABLE, STORE_REFUSED; what was done until then stays done */
export async function initStorage(
  config: Config,
  options: StorageInitOptions,
  clock: Clock,
): Promise<string> {
  const all = plainStores(config);
  const chosen = options.store === undefined ? all : all.filter(({ name }) => name === options.store);
  if (chosen.length === 0) {
    const known = all.map(({ name }) => name).join(', ');
    throw new AppError(
      'BAD_CONFIG',
      options.store === undefined
        ? 'the configuration names no store: set storage or mirrors, see docs/stores.md'
        : `no store "${options.store}" is configured, there are: ${known === '' ? 'none' : known}`,
    );
  }
  const steps: (PreparationStep & { readonly store: string })[] = [];
  for (const { name, store } of chosen) {
    const done = await withDeadline(
      clock,
      {
        timeoutMs: PREPARE_MS_MAX,
        onTimeout: () =>
          new AppError(
            'STORAGE_UNAVAILABLE',
            `prepare the store ${name}: not done within ${PREPARE_MS_MAX} ms`,
          ),
      },
      (signal) =>
        prepareStore(store, {
          retentionMs: config['raw-retention'],
          rollups: options.hasRollups
            ? [
                { name: '5m', retentionMs: config['rollup-5m-retention'] },
                { name: '1h', retentionMs: config['rollup-1h-retention'] },
              ]
            : [],
          isDryRun: options.isDryRun,
          signal,
        }),
    );
    steps.push(...done.map((step) => ({ store: name, ...step })));
  }
  if (options.isJson) return `${JSON.stringify(steps, undefined, 2)}\n`;
  return table(
    ['STORE', 'WHAT', 'RESULT', ''],
    steps.map(({ store, what, outcome, text }) => [store, what, outcome, text]),
  );
}
