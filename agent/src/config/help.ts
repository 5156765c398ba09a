/** The text of `--help`, made from the table of settings. */
import { OPTION_LIST, variableNames, type Option } from './options.ts';

const WIDTH = 80;

export function helpText(): string {
  return `rollcall-agent reports metrics and an inventory of this machine to a Rollcall
collector. It opens one outgoing connection, listens on nothing and runs nothing
on request.

Usage:
  rollcall-agent run      Report until stopped; enrols first when it has a token
                          and no identity yet.
  rollcall-agent enroll   Make an identity with a token and stop.
  rollcall-agent show     Print what would be sent and every file and program
                          that was read for it; send nothing.
  rollcall-agent doctor   Try everything once: samplers, inventory, identity,
                          collector, certificate, clock, backlog.
  rollcall-agent status   Say whether the agent of this machine runs, is
                          connected, and what waits to be sent.
  rollcall-agent rotate-key
                          Change the agent's key at its next start, not only
                          when it is 30 days old.
  rollcall-agent service print|install|uninstall
                          The agent as a service of systemd: show the unit, or
                          set it up as root.

Examples:
  ROLLCALL_TOKEN=rce1_… rollcall-agent run --url https://monitor.example.org:7655
  rollcall-agent run --config /etc/rollcall/agent.yaml --exclude-section users
  rollcall-agent show --json | jq .manifest.programs
  rollcall-agent doctor --config /etc/rollcall/agent.yaml
  sudo rollcall-agent service install --config /etc/rollcall/agent.yaml
  rollcall-agent status --json || echo "not connected"

Exit codes:
  0  fine; doctor: nothing has failed; status: it runs and is connected.
  1  anything else went wrong, and standard error says what; doctor: something
     has failed.
  2  the command line, the configuration or the data folder cannot be used as
     they are.

Settings; a flag wins over a variable, a variable over the file:
${OPTION_LIST.map(describe).join('\n')}

Further flags:
  --config <file>     Configuration file: lines of "key: value", keys as above
                      without the dashes.
  --force             enroll: give up the identity that is there and make a new
                      one.
  --json              show, doctor, status: print JSON.
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
