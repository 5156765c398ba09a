/** The text of `--help`, made from the table of settings. */
import { OPTION_LIST, variableNames, type Option } from './options.ts';

const WIDTH = 100;

export function helpText(): string {
  return `rollcall-agent reports metrics and an inventory of this machine to a Rollcall collector. It opens one
outgoing connection, listens on nothing and runs nothing on request.

Usage:
  rollcall-agent run      Report until stopped; enrols first when it has a token and no identity yet.
  rollcall-agent enroll   Make an identity with a token and stop.
  rollcall-agent show     Print what would be sent, and send nothing. --json for programs.

Examples:
  ROLLCALL_TOKEN=rce1_… rollcall-agent run --url https://monitor.example.org:7655
  rollcall-agent run --config /etc/rollcall/agent.yaml
  rollcall-agent show --json

Settings; a flag wins over a variable, a variable over the file:
${OPTION_LIST.map(describe).join('\n')}

Further flags:
  --config <file>     Configuration file: lines of "key: value", keys as above without the dashes.
  --force             enroll: give up the identity that is there and make a new one.
  --json              show: print JSON.
  --help, --version
`;
}

function describe(option: Option<unknown>): string {
  const { key, shape, fallback, help } = option;
  const origin = `Variable ${variableNames(key)[1] ?? ''}.`;
  const standard = fallback === undefined ? '' : ` Default ${fallback}.`;
  return `  --${key} <${shape}>\n${wrap(`${help}${standard} ${origin}`)}`;
}

function wrap(text: string): string {
  const lines: string[] = [];
  let line = '     ';
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > WIDTH) {
      lines.push(line);
      line = '     ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}
