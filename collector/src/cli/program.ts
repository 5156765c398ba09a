/** The commands of `rollcall-collector` and their flags. Long, because it is one list. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { loadConfig } from '../config/load.ts';
import { OPTIONS, type Config } from '../config/options.ts';
import { VERSION } from '../self/version.ts';
import { ACCESS_SCOPES, type AccessScope } from '../api/auth/tokens.ts';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { EXPORT_FORMATS } from '../transfer/formats.ts';
// Types alone: what a command does is loaded when it is called, so that scripts do not wait for the rest.
import type { QueryFormat, QueryOptions } from './query.ts';
import type { ExportOptions } from './export.ts';
import type { ConfigFlags, ConfigScope } from './agent-config.ts';
import type { AgainstOptions } from './verify-against.ts';
import type { RulesReport } from './rules.ts';
import type { HostChange } from './hosts.ts';
import type { Asked, BacktestTimes } from './rules-remote.ts';
import type { RangeTimes } from './time.ts';

const COLLECTOR_URL_DEFAULT = 'http://127.0.0.1:7655';
const QUERY_FORMATS = ['table', 'json', 'csv'] as const satisfies readonly QueryFormat[];

const DEFAULT_EXPIRY_HOURS = 1;
const EXPIRY_HOURS_MAX = 90 * 24;
const USES_MAX = 10_000;

const BACKUP_HELP = `
Repeat it with the same folder: blocks that it has already are not copied again.
On the disk of the data folder they are hard links and cost nothing. A folder
without backup.json is not complete.`;

const STORAGE_INIT_HELP = `
What is there already is left as it is, so it may be run again. Samples are kept
for raw-retention. In InfluxDB 1.x two continuous queries make rollups of
5 minutes and an hour, kept for rollup-5m-retention and rollup-1h-retention;
other stores have none that could be prepared from outside.`;
const STORE_SETTINGS: ReadonlySet<string> = new Set([
  'storage',
  'mirrors',
  'raw-retention',
  'rollup-5m-retention',
  'rollup-1h-retention',
]);

export interface ProgramPorts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output. */
  readonly print: (text: string) => void;
  /** The same for much text: resolves when standard output takes more. */
  readonly write: (text: string) => Promise<void>;
  /** Writes to standard error. */
  readonly complain: (text: string) => void;
  /** Standard input. */
  readonly input: () => AsyncIterable<Uint8Array>;
  /** Width of the terminal that standard output is, undefined when it is none. */
  readonly columns: number | undefined;
}

type Flags = Readonly<Record<string, string | boolean>>;

/** The program, ready to parse the process' arguments. Wrong use is reported as AppError BAD_CONFIG. */
export function createProgram(ports: ProgramPorts): Command {
  const { environment, print, complain, columns } = ports;
  const configOf = (command: Command): Config => {
    const { config: file, ...flags } = kebabKeys(command.optsWithGlobals());
    return loadConfig({
      flags,
      environment,
      file: typeof file === 'string' ? file : environment['ROLLCALL_CONFIG'],
    });
  };
  const program = new Command('rollcall-collector')
    .description('Receives what agents report, keeps it, shows it, and pages when something is wrong.')
    .version(VERSION)
    .addHelpText(
      'after',
      examples([
        'rollcall-collector run',
        'rollcall-collector token create',
        "rollcall-collector query 'up == 0'",
        'rollcall-collector backup /backup/rollcall',
      ]),
    )
    // What is wrong is said once, by main.ts.
    .configureOutput({ outputError: () => {} })
    .exitOverride(reportWrongUse);

  const run = withConfig(program.command('run').description('run the collector'), 'all');
  run.addHelpText(
    'after',
    examples(['rollcall-collector run', 'rollcall-collector run --config /etc/rollcall/collector.yaml']),
  );
  run.action(async () => {
    const config = configOf(run);
    const { runCollector } = await import('./run.ts');
    await runCollector(config, print);
  });

  const query = program.command('query <expression>').description('ask a running collector in PromQL');
  query
    .exitOverride(reportWrongUse)
    .option('--range <duration>', 'the time before --time, for example 1h; a single time without it')
    .option('--step <duration>', 'distance of the points of a range')
    .option('--time <time>', 'seconds since 1970 or like 2026-01-31T12:00:00Z (default: now)')
    .addOption(new Option('--format <format>', 'how to print').choices(QUERY_FORMATS).default('table'))
    .option('--url <url>', 'the collector', COLLECTOR_URL_DEFAULT)
    .option('--token <token>', 'an access token (default: the variable ROLLCALL_ACCESS_TOKEN)')
    .addHelpText(
      'after',
      examples([
        "rollcall-collector query 'up == 0'",
        "rollcall-collector query 'rate(node_cpu_seconds_total[1m])' --range 1h --format csv",
        "rollcall-collector query 'node_load1' --time 2026-01-31T12:00:00Z --url https://monitor.example.org:7655",
      ]),
    )
    .action(async (expression: string, options: Partial<Omit<QueryOptions, 'expression' | 'columns'>>) => {
      const { queryCollector } = await import('./query.ts');
      const { text, notes } = await queryCollector(
        {
          expression,
          url: options.url ?? COLLECTOR_URL_DEFAULT,
          token: options.token ?? environment['ROLLCALL_ACCESS_TOKEN'],
          time: options.time,
          range: options.range,
          step: options.step,
          format: options.format ?? 'table',
          columns,
        },
        systemClock,
      );
      print(text);
      for (const note of notes) complain(`${note}\n`);
    });

  const importing = withSettings(
    program
      .command('import <file>')
      .description('bring OpenMetrics text into the store; the collector must not run'),
    (key) => key === 'data-dir',
  );
  importing.addHelpText(
    'after',
    `
The file is UTF-8, packed with gzip when it ends with .gz; "-" is standard
input. Every sample has a time. What is older than the stored samples of its
series is left out, so the same file may be imported again.
${examples(['rollcall-collector import old.om.gz', 'promtool tsdb dump-openmetrics data | rollcall-collector import -'])}`,
  );
  importing.action(async (file: string) => {
    const { importFile } = await import('./import.ts');
    print(await importFile(configOf(importing)['data-dir'], file, { ...ports, clock: systemClock }));
  });

  const exporting = withSettings(
    program.command('export').description('print stored samples, also while the collector runs'),
    (key) => key === 'data-dir',
  );
  exporting
    .requiredOption('--match <selector>', 'which series; may be given several times', collect)
    .option('--from <time>', 'seconds since 1970 or like 2026-01-31T12:00:00Z (default: the oldest sample)')
    .option('--to <time>', 'the same (default: now)')
    .addOption(new Option('--format <format>', 'how to print').choices(EXPORT_FORMATS).default('openmetrics'))
    .addHelpText(
      'after',
      examples([
        "rollcall-collector export --match 'node_load1' > load.om",
        `rollcall-collector export --match '{instance="web-1"}' --from 2026-01-01T00:00:00Z --format csv | gzip > web-1.csv.gz`,
      ]),
    )
    .action(async (options: Omit<ExportOptions, 'dataDir'>) => {
      const { exportSamples } = await import('./export.ts');
      const dataDir = configOf(exporting)['data-dir'];
      await exportSamples({ ...options, dataDir }, { ...ports, clock: systemClock });
    });

  const rules = program
    .command('rules')
    .description('rules: check and test files, try them on the past, show what is in force');
  const report = ({ text, failedCount }: RulesReport): void => {
    print(text);
    if (failedCount > 0)
      throw new AppError('RULES_FAILED', `${failedCount} files are not in order, see above`);
  };
  rules
    .command('check <files...>')
    .description('say what is wrong with rule files, line by line')
    .exitOverride(reportWrongUse)
    .addHelpText('after', examples(['rollcall-collector rules check /etc/rollcall/rules/node.yml']))
    .action(async (files: readonly string[]) => {
      const { checkRules } = await import('./rules.ts');
      report(checkRules(files));
    });
  rules
    .command('test <files...>')
    .description('run unit tests of rules in the format of promtool')
    .exitOverride(reportWrongUse)
    .addHelpText('after', examples(['rollcall-collector rules test tests/node.yml']))
    .action(async (files: readonly string[]) => {
      const { testRules } = await import('./rules.ts');
      report(await testRules(files));
    });

  const asked = (command: Command): Command =>
    command
      .exitOverride(reportWrongUse)
      .option('--url <url>', 'the collector', COLLECTOR_URL_DEFAULT)
      .option('--token <token>', 'an access token (default: the variable ROLLCALL_ACCESS_TOKEN)');
  const whom = ({ url, token }: Partial<Asked>): Asked => ({
    url: url ?? COLLECTOR_URL_DEFAULT,
    token: token ?? environment['ROLLCALL_ACCESS_TOKEN'],
  });
  asked(rules.command('show'))
    .description('list the rules that a running collector has in force, with their levels')
    .addHelpText('after', examples(['rollcall-collector rules show']))
    .action(async (options: Partial<Asked>) => {
      const { showRules } = await import('./rules-remote.ts');
      print(await showRules(whom(options)));
    });
  asked(rules.command('backtest <file>'))
    .description('say what the rules of a file would have done in the past: alerts, and pages a week')
    .option('--from <time>', 'seconds since 1970 or like 2026-01-31T12:00:00Z (default: --range before --to)')
    .option('--to <time>', 'the same (default: now)')
    .option('--range <span>', 'how far back, without --from', '7d')
    .option('--step <span>', 'distance of the evaluations', '1m')
    .addHelpText(
      'after',
      examples([
        'rollcall-collector rules backtest new.yml',
        'rollcall-collector rules backtest new.yml --range 30d --step 2m',
      ]),
    )
    .action(async (file: string, options: Partial<Asked> & BacktestTimes) => {
      const { backtestRules } = await import('./rules-remote.ts');
      print(await backtestRules(file, options, whom(options), systemClock.wallMs()));
    });

  const host = program
    .command('host')
    .description('hosts: list them and how available they were, let one in again, shut out, delete');
  asked(host.command('list'))
    .description('list all hosts with their ids, revoked ones too')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(['rollcall-collector host list']))
    .action(async (options: Partial<Asked> & { readonly json?: boolean }) => {
      const { listHosts } = await import('./hosts.ts');
      print(await listHosts(whom(options), options.json ?? false));
    });
  asked(host.command('availability [host]'))
    .description('how much of a span hosts were up, as seen then and as known by now')
    .option('--from <time>', 'seconds since 1970 or like 2026-01-31T12:00:00Z (default: --range before --to)')
    .option('--to <time>', 'the same (default: now)')
    .option('--range <span>', 'how far back, without --from', '30d')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        'rollcall-collector host availability',
        'rollcall-collector host availability web-1 --range 7d',
        'rollcall-collector host availability --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --json',
      ]),
    )
    .action(
      async (
        name: string | undefined,
        options: Partial<Asked> & RangeTimes & { readonly json?: boolean },
      ) => {
        const { showAvailability } = await import('./hosts.ts');
        const how = { times: options, isJson: options.json ?? false, nowMs: systemClock.wallMs() };
        print(await showAvailability(whom(options), name, how));
      },
    );
  const change = async (options: Partial<Asked>, name: string, kind: HostChange): Promise<void> => {
    const { changeHost } = await import('./hosts.ts');
    print(await changeHost(whom(options), name, kind));
  };
  asked(host.command('accept-restored <host>'))
    .description('let a machine in again whose key was refused because it came back from an image')
    .addHelpText('after', examples(['rollcall-collector host accept-restored web-1']))
    .action((name: string, options: Partial<Asked>) => change(options, name, 'accept-restored'));
  asked(host.command('revoke <host>'))
    .description('shut an agent out for good, at once; the data of its host stay')
    .addHelpText('after', examples(['rollcall-collector host revoke web-1']))
    .action((name: string, options: Partial<Asked>) => change(options, name, 'revoke'));
  asked(host.command('delete <host>'))
    .description('forget a host and delete what its agent sent')
    .option('--yes', 'it is meant so: nothing brings the data back')
    .addHelpText('after', examples(['rollcall-collector host delete web-1 --yes']))
    .action(async (name: string, options: Partial<Asked> & { readonly yes?: boolean }) => {
      if (options.yes !== true)
        throw new AppError('BAD_CONFIG', `nothing brings the data of ${name} back: add --yes to delete them`);
      await change(options, name, 'delete');
    });

  const notify = program.command('notify').description('receivers of notifications');
  const notifyTest = withConfig(
    notify.command('test <receiver>').description('send a test message to a receiver of the configuration'),
    'data-dir',
  );
  notifyTest.addHelpText(
    'after',
    examples(['rollcall-collector notify test on-call --config /etc/rollcall/collector.yaml']),
  );
  notifyTest.action(async (name: string) => {
    const { testReceiver } = await import('./notify.ts');
    print(await testReceiver(configOf(notifyTest), name, systemClock));
  });

  const token = program.command('token').description('tokens that let new agents enrol');
  const create = withConfig(
    token.command('create').description('make a token and print it, this once'),
    'data-dir',
  );
  create
    .option(
      '--uses <count>',
      `how many agents may enrol with it, 1 to ${USES_MAX}`,
      wholeNumber(1, USES_MAX),
      1,
    )
    .option(
      '--expires <hours>',
      `hours until it expires, 1 to ${EXPIRY_HOURS_MAX}`,
      wholeNumber(1, EXPIRY_HOURS_MAX),
      DEFAULT_EXPIRY_HOURS,
    )
    .addHelpText(
      'after',
      examples([
        'rollcall-collector token create',
        'rollcall-collector token create --uses 200 --expires 24',
      ]),
    )
    .action(async (options: { readonly uses: number; readonly expires: number; readonly json?: boolean }) => {
      const { createEnrollmentToken } = await import('./token.ts');
      print(
        createEnrollmentToken(configOf(create)['data-dir'], {
          uses: options.uses,
          expiryHours: options.expires,
          isJson: options.json ?? false,
        }),
      );
    });
  const list = withConfig(
    token.command('list').description('list the tokens, without their secrets'),
    'data-dir',
  );
  list.addHelpText('after', examples(['rollcall-collector token list']));
  list.action(async (options: { readonly json?: boolean }) => {
    const { listEnrollmentTokens } = await import('./token.ts');
    print(listEnrollmentTokens(configOf(list)['data-dir'], options.json ?? false));
  });
  const revoke = withConfig(token.command('revoke <id>').description('make a token useless'), 'data-dir');
  revoke.addHelpText('after', examples(['rollcall-collector token revoke HZu6xNEonI2JhqaJ']));
  revoke.action(async (id: string) => {
    const { revokeEnrollmentToken } = await import('./token.ts');
    print(revokeEnrollmentToken(configOf(revoke)['data-dir'], id));
  });

  const access = program
    .command('access')
    .description('tokens that let people and programs read, push or administer');
  const grant = withConfig(
    access.command('create <name>').description('make a token and print it, this once'),
    'data-dir',
  );
  grant
    .addOption(
      new Option('--scope <scope...>', 'what it is for: queries and the page, remote write, or everything')
        .choices(ACCESS_SCOPES)
        .default(['read'], 'read'),
    )
    .addHelpText(
      'after',
      examples([
        'rollcall-collector access create grafana',
        'rollcall-collector access create prometheus --scope write',
      ]),
    )
    .action(
      async (name: string, options: { readonly scope: readonly AccessScope[]; readonly json?: boolean }) => {
        const { createAccessToken } = await import('./access.ts');
        const { scope: scopes, json: isJson = false } = options;
        print(createAccessToken(configOf(grant)['data-dir'], { name, scopes, isJson }));
      },
    );
  const grants = withConfig(
    access.command('list').description('list the tokens, without their secrets'),
    'data-dir',
  );
  grants.addHelpText('after', examples(['rollcall-collector access list']));
  grants.action(async (options: { readonly json?: boolean }) => {
    const { listAccessTokens } = await import('./access.ts');
    print(listAccessTokens(configOf(grants)['data-dir'], options.json ?? false));
  });
  const withdraw = withConfig(access.command('revoke <id>').description('make a token useless'), 'data-dir');
  withdraw.addHelpText('after', examples(['rollcall-collector access revoke e639bdbabf53']));
  withdraw.action(async (id: string) => {
    const { revokeAccessToken } = await import('./access.ts');
    print(revokeAccessToken(configOf(withdraw)['data-dir'], id));
  });

  const agentConfig = program
    .command('agent-config')
    .description('settings that agents take from the collector where they have none of their own');
  const scoped = (command: Command): Command =>
    command.option('--host <name>', 'one host').option('--all', 'all hosts, of which a few try it first');
  const setting = scoped(
    withConfig(
      agentConfig.command('set').description('change what is wanted of a host, or of all'),
      'data-dir',
    ),
  );
  setting
    .option('--interval <span>', 'time between readings, 1s to 1h')
    .option('--disable-sampler <names>', 'samplers that do not run, with commas; "none" for none')
    .option('--log-level <level>', 'debug, info, warn or error')
    .addHelpText(
      'after',
      examples([
        'rollcall-collector agent-config set --host web-1 --log-level debug',
        'rollcall-collector agent-config set --all --interval 30s --disable-sampler arp,systemd',
      ]),
    )
    .action(async (options: ConfigScope & ConfigFlags) => {
      const { setAgentConfig } = await import('./agent-config.ts');
      print(setAgentConfig(configOf(setting)['data-dir'], options, options));
    });
  const clearing = scoped(
    withConfig(agentConfig.command('clear').description('leave everything to the agents again'), 'data-dir'),
  );
  clearing.addHelpText('after', examples(['rollcall-collector agent-config clear --host web-1']));
  clearing.action(async (options: ConfigScope) => {
    const { clearAgentConfig } = await import('./agent-config.ts');
    print(clearAgentConfig(configOf(clearing)['data-dir'], options));
  });
  const showing = withConfig(
    agentConfig.command('show').description('what is wanted, and what agents said to it'),
    'data-dir',
  ).option('--host <name>', 'one host');
  showing.addHelpText('after', examples(['rollcall-collector agent-config show']));
  showing.action(async (options: ConfigScope & { readonly json?: boolean }) => {
    const { showAgentConfig } = await import('./agent-config.ts');
    print(showAgentConfig(configOf(showing)['data-dir'], options, options.json ?? false));
  });

  const backup = withConfig(
    program.command('backup <folder>').description('back up the store, also while a collector runs'),
    'data-dir',
  );
  backup.addHelpText('after', BACKUP_HELP);
  backup.addHelpText('after', examples(['rollcall-collector backup /backup/rollcall']));
  backup.action(async (folder: string, options: StoreOptions) => {
    const { backUpStore } = await import('./store.ts');
    await backUpStore(configOf(backup)['data-dir'], folder, { isJson: options.json ?? false, print });
  });
  const restore = withConfig(
    program.command('restore <folder>').description('make a data folder out of a backup'),
    'data-dir',
  );
  restore.addHelpText(
    'after',
    examples(['rollcall-collector restore /backup/rollcall --data-dir /var/lib/rollcall']),
  );
  restore.action(async (folder: string, options: StoreOptions) => {
    const { restoreStore } = await import('./store.ts');
    await restoreStore(configOf(restore)['data-dir'], folder, { isJson: options.json ?? false, print });
  });
  const verify = withSettings(
    program
      .command('verify [folder]')
      .description(
        'read all of the store, or of a backup, and say what is damaged; exit code 1 when anything is',
      ),
    (key) => ['data-dir', 'storage', 'mirrors'].includes(key),
  );
  verify
    .option('--json', 'print JSON')
    .option('--against <name>', 'compare the samples with those of a mirror, or of "storage", instead')
    .option(
      '--from <time>',
      'of a comparison: seconds since 1970 or like 2026-01-31T12:00:00Z (default: all)',
    )
    .option('--to <time>', 'of a comparison: the same (default: a minute ago)');
  verify.addHelpText(
    'after',
    examples([
      'rollcall-collector verify',
      'rollcall-collector verify /backup/rollcall',
      'rollcall-collector verify --against influx --from 2026-01-01T00:00:00Z --config /etc/rollcall/collector.yaml',
    ]),
  );
  verify.action(async (folder: string | undefined, options: StoreOptions & Partial<AgainstOptions>) => {
    const { against } = options;
    if (against !== undefined) {
      if (folder !== undefined)
        throw new AppError('BAD_CONFIG', '--against compares the store of --data-dir: name no folder');
      const { verifyAgainst } = await import('./verify-against.ts');
      const request = { ...options, against, isJson: options.json ?? false };
      await verifyAgainst(configOf(verify), request, { print, complain, clock: systemClock });
      return;
    }
    const { verifyStore } = await import('./store.ts');
    const isJson = options.json ?? false;
    verifyStore(folder ?? configOf(verify)['data-dir'], { isJson, print, complain });
  });
  const storage = program.command('storage').description('stores outside of the collector');
  const init = withSettings(
    storage
      .command('init')
      .description('create databases, buckets, retention and rollups in the stores of the configuration'),
    (key) => STORE_SETTINGS.has(key),
  );
  init
    .option('--store <name>', 'only this one; the one of the setting storage is called storage')
    .option('--no-rollups', 'make no rollups')
    .option('--dry-run', 'only look, and say what would be created')
    .option('--json', 'print JSON')
    .addHelpText('after', STORAGE_INIT_HELP)
    .addHelpText(
      'after',
      examples(['rollcall-collector storage init --config /etc/rollcall/collector.yaml --dry-run']),
    )
    .action(
      async (options: {
        readonly store?: string;
        readonly rollups: boolean;
        readonly dryRun?: boolean;
        readonly json?: boolean;
      }) => {
        const { initStorage } = await import('./storage-init.ts');
        const { store, rollups: hasRollups, dryRun: isDryRun = false, json: isJson = false } = options;
        print(await initStorage(configOf(init), { store, hasRollups, isDryRun, isJson }, systemClock));
      },
    );
  const refused = withConfig(
    storage
      .command('refused')
      .description('what stores did not take, newest first, and why; the newest thousand of each'),
    'data-dir',
  );
  refused
    .option('--store <name>', 'only this one; the one of the setting storage is called storage')
    .addHelpText('after', examples(['rollcall-collector storage refused --store influx']))
    .action(async (options: { readonly store?: string; readonly json?: boolean }) => {
      const { listRefused } = await import('./storage-refused.ts');
      print(listRefused(configOf(refused)['data-dir'], options.store, options.json ?? false));
    });
  const inspect = withConfig(
    program
      .command('inspect [folder]')
      .description('list the blocks of the store or of a backup, or what hosts lost'),
    'data-dir',
  );
  inspect.option('--lost', 'instead of blocks, what hosts had to drop and told of');
  inspect.addHelpText(
    'after',
    examples([
      'rollcall-collector inspect',
      'rollcall-collector inspect --lost',
      'rollcall-collector inspect --json',
    ]),
  );
  inspect.action(async (folder: string | undefined, options: StoreOptions & { readonly lost?: boolean }) => {
    const { inspectLost, inspectStore } = await import('./store.ts');
    const list = options.lost === true ? inspectLost : inspectStore;
    print(list(folder ?? configOf(inspect)['data-dir'], options.json ?? false));
  });
  return program;
}

interface StoreOptions {
  readonly json?: boolean;
}

/** Adds `--config` and the settings that a command takes as flags, and `--json` to commands that print a few lines. */
function withConfig(command: Command, which: 'all' | 'data-dir'): Command {
  withSettings(command, (key) => which === 'all' || key === which);
  if (which !== 'all') command.option('--json', 'print JSON');
  return command;
}

/** Adds `--config` and some settings. */
function withSettings(command: Command, isWanted: (key: string) => boolean): Command {
  command.exitOverride(reportWrongUse);
  command.option('--config <file>', 'settings from a YAML file');
  for (const { key, shape, help, fallback } of OPTIONS) {
    if (!isWanted(key)) continue;
    const name = nameOfShape(shape);
    const shaped = name === shape ? help : `${help} (${shape})`;
    const text = fallback === undefined ? shaped : `${shaped} (default: ${fallback})`;
    const flag = shape === 'true or false' ? `--${key} [${name}]` : `--${key} <${name}>`;
    command.addOption(new Option(flag, text));
  }
  return command;
}

/** What stands behind a flag: beside a long name there would be no room left for its help. */
function nameOfShape(shape: string): string {
  if (shape.length <= SHAPE_CHARS_MAX) return shape;
  if (shape.startsWith('list of')) return 'list';
  return shape.startsWith('{') ? 'settings' : 'word';
}

const SHAPE_CHARS_MAX = 13;

/** commander turns `--data-dir` into `dataDir`; settings are known by their own names. */
function kebabKeys(options: object): Flags {
  const flags: Record<string, string | boolean> = {};
  for (const [name, value] of Object.entries(options)) {
    const key = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const isSetting = key === 'config' || OPTIONS.some((option) => option.key === key);
    if (isSetting && (typeof value === 'string' || typeof value === 'boolean')) flags[key] = value;
  }
  return flags;
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}.`);
  };
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}

/** Wrong use becomes an error of ours; help and version were printed, which is no error and no reason to go on. */
function reportWrongUse(error: CommanderError): never {
  if (error.exitCode === 0 || error.code === 'commander.help') throw error;
  const message = error.message.replace(/^error: /, '').replace(/\.$/, '');
  throw new AppError('BAD_CONFIG', `${message}; --help tells what there is`);
}

/** Whether the error only says that help or the version was printed. */
export function hasPrintedHelp(error: unknown): boolean {
  return error instanceof CommanderError;
}
