/** `rollcall-agent doctor`: tries everything that the agent does, and says what works, what does not, and why. */
import { existsSync } from 'node:fs';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { redactUrl } from '@rollcall/shared/lib/secret.ts';
import type { Config } from '../config/load.ts';
import type { SettingsInForce } from '../config/in-force.ts';
import { readIdentity } from '../enroll/identity-file.ts';
import { PrivateDir } from '../enroll/private-dir.ts';
import { CHECKOUT_CHILD, collectInventory } from '../inventory/collect.ts';
import { parseEndpoint, type Endpoint } from '../link/endpoint.ts';
import { machineFacts } from '../self/facts.ts';
import { probeCollector } from './collector-probe.ts';
import {
  collectorFindings,
  connectionFinding,
  type Finding,
  type FindingState,
  inventoryFindings,
  isBad,
} from './findings.ts';
import { readAuthorities } from './inputs.ts';
import { checkSamplers } from './sampler-findings.ts';
import { settingsText, storedSettings } from './stored-settings.ts';
import { backlogText, readAgentStatus } from './status.ts';
import { formatTable, spanText, type Colour, type Terminal } from './terminal.ts';

const COLOURS: Readonly<Record<FindingState, Colour>> = {
  ok: 'green',
  absent: 'dim',
  'not readable': 'yellow',
  warning: 'yellow',
  failed: 'red',
};

/** Prints the findings; returns 1 when one of them has failed, else 0. */
export async function doctor(config: Config, isJson: boolean, terminal: Terminal): Promise<number> {
  const settings = storedSettings(config, terminal);
  const findings = [
    ...(await checkSamplers({ ...config, ...settings, facts: machineFacts(config.hostName) })),
    ...(await checkInventory(config)),
    settingsFinding(settings),
    ...(await checkAgent(config)),
  ];
  const failed = findings.filter(isBad).length;
  if (isJson) {
    terminal.print(`${JSON.stringify({ isHealthy: failed === 0, findings }, null, 2)}\n`);
  } else {
    for (const group of new Set(findings.map((finding) => finding.group))) {
      const rows = findings
        .filter((finding) => finding.group === group)
        .map(({ state, name, detail }) => ({ cells: [state, name], text: detail, colour: COLOURS[state] }));
      terminal.print(`${group}\n${formatTable(rows, terminal.paint)}\n`);
    }
    terminal.print(failed === 0 ? 'All is well.\n' : `${failed} of ${findings.length} checks failed.\n`);
  }
  return failed === 0 ? 0 : 1;
}

function settingsFinding({ shown }: SettingsInForce): Finding {
  return { group: 'agent', name: 'settings', state: 'ok', detail: settingsText(shown) };
}

async function checkInventory({ excludedSections }: Config): Promise<Finding[]> {
  const options = { clock: systemClock, command: CHECKOUT_CHILD, excludedSections, isBackground: false };
  try {
    const reading = await collectInventory(options, new AbortController().signal);
    return inventoryFindings(reading, excludedSections);
  } catch (error) {
    return [{ group: 'inventory', name: 'all', state: 'failed', detail: describeError(error) }];
  }
}

async function checkAgent(config: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  const note = (name: string, state: FindingState, detail: string): void => {
    found.push({ group: 'agent', name, state, detail });
  };
  const endpoint = checkDataDir(config, note);
  if (endpoint === undefined) {
    note('collector', 'failed', 'not known; enrol with rollcall-agent enroll --url URL, or give --url');
    return found;
  }
  try {
    const answer = await probeCollector({ endpoint, ca: readAuthorities(config.caFile), clock: systemClock });
    return [...found, ...collectorFindings(answer, endpoint.shown, systemClock.wallMs())];
  } catch (error) {
    note('collector', 'failed', `${describeError(error)}; is the address right, and is it started?`);
    return found;
  }
}

/** What lies in the data folder; returns where the collector is. */
function checkDataDir(
  config: Config,
  note: (name: string, state: FindingState, detail: string) => void,
): Endpoint | undefined {
  const { dataDir, endpoint, isInsecure } = config;
  if (!existsSync(dataDir)) {
    note('data folder', 'warning', `${dataDir} does not exist yet; the first start makes it`);
    return endpoint;
  }
  try {
    const dir = PrivateDir.open(dataDir);
    note('data folder', 'ok', dataDir);
    const identity = readIdentity(dir);
    if (identity === undefined) note('identity', 'warning', 'not enrolled yet; see rollcall-agent enroll');
    else
      note(
        'identity',
        'ok',
        `enrolled with ${redactUrl(identity.url)} as ${identity.identity.agentId.toString('hex')}`,
      );
    const nowMs = systemClock.wallMs();
    const { isRunning, report } = readAgentStatus(dataDir, nowMs);
    if (isRunning && report !== undefined) {
      note(
        'spool',
        'ok',
        backlogText(report, (timeMs) => `${spanText(nowMs - timeMs)} ago`),
      );
      const { state, detail } = connectionFinding(report);
      note('connection', state, detail);
    } else {
      note('spool', 'absent', 'no agent runs with this data folder; see rollcall-agent status');
    }
    return endpoint ?? (identity && parseEndpoint(identity.url, { isInsecureAllowed: isInsecure }));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    note('data folder', 'failed', describeError(error));
    return endpoint;
  }
}
