/** Reads the command line. What is wrong with it is collected, so that it is reported with the rest. */
import { parseArgs } from 'node:util';
import { OPTION_LIST } from './options.ts';

/** Flags that are no settings. `config` names the configuration file. */
const SWITCHES = ['help', 'version', 'json', 'force'] as const;
const COMMANDS = ['run', 'enroll', 'show', 'doctor', 'status', 'rotate-key', 'service'] as const;
const SERVICE_ACTIONS = ['print', 'install', 'uninstall'] as const;

export type Command = (typeof COMMANDS)[number];

export type ServiceAction = (typeof SERVICE_ACTIONS)[number];

export interface CommandLine {
  /** undefined when none was given. */
  readonly command: Command | undefined;
  /** Of the command `service`, undefined with any other. */
  readonly action: ServiceAction | undefined;
  readonly switches: ReadonlySet<(typeof SWITCHES)[number]>;
  readonly configFile: string | undefined;
  /** Values of settings by key. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly string[];
}

/** @param parameters without the program's name */
export function parseCommandLine(parameters: readonly string[]): CommandLine {
  const booleans = [
    ...SWITCHES,
    ...OPTION_LIST.filter(({ arity }) => arity === 'switch').map(({ key }) => key),
  ];
  const { tokens } = parseArgs({
    args: [...parameters],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: {
      ...Object.fromEntries(OPTION_LIST.map(({ key }) => [key, { type: 'string' as const }])),
      config: { type: 'string' },
      ...Object.fromEntries(booleans.map((key) => [key, { type: 'boolean' as const }])),
      help: { type: 'boolean', short: 'h' },
    },
  });
  const flags = new Map<string, string[]>();
  const switches = new Set<(typeof SWITCHES)[number]>();
  const problems: string[] = [];
  const positionals: string[] = [];
  let configFile: string | undefined;
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const known = SWITCHES.find((candidate) => candidate === name);
    const option = OPTION_LIST.find(({ key }) => key === name);
    if (known !== undefined) {
      if (value === undefined) switches.add(known);
      else problems.push(`${rawName}: takes no value`);
    } else if (option === undefined && name !== 'config') {
      problems.push(`${rawName}: is not a flag; see rollcall-agent --help for the list`);
    } else if (value === undefined && option?.arity !== 'switch') {
      problems.push(`${rawName}: needs a value`);
    } else if (name === 'config') {
      configFile = value;
    } else {
      flags.set(name, [...(flags.get(name) ?? []), value ?? 'true']);
    }
  }
  const isService = positionals[0] === 'service';
  const [first, second] = positionals;
  const rest = positionals.slice(isService ? 2 : 1);
  const command = COMMANDS.find((candidate) => candidate === first);
  if (first !== undefined && command === undefined) {
    problems.push(`${first}: is not a command; commands are ${COMMANDS.join(', ')}`);
  }
  const action = isService ? SERVICE_ACTIONS.find((candidate) => candidate === second) : undefined;
  if (isService && action === undefined) problems.push(`service: needs one of ${SERVICE_ACTIONS.join(', ')}`);
  if (rest.length > 0) problems.push(`${rest.join(' ')}: is one word too many`);
  return { command, action, switches, configFile, flags, problems };
}
