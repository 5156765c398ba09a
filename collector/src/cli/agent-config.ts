/**
 * `rollcall-collector agent-config …`: settings that agents are to take. Written into the state, where a collector that runs
 * finds them within a second.
 */
import { isSamplerOfThisVersion, SAMPLER_NAMES } from '@rollcall/shared/catalogue/samplers.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import {
  INTERVAL_MS_MAX,
  INTERVAL_MS_MIN,
  logLevelOf,
  settingsFields,
  type AgentSettings,
} from '@rollcall/shared/protocol/agent-config.ts';
import { AgentConfigStore, settingsOf, type FleetConfig, type Offer } from '../fleet/config-store.ts';
import { formatDuration, parseDuration } from '../query/parse/literals.ts';
import type { Database } from '../state/database.ts';
import { table, timeText } from './output.ts';
import { withKnownState } from './state.ts';

/** Whose settings are meant: one host by its name, or all. */
export interface ConfigScope {
  readonly host?: string;
  readonly all?: boolean;
}

/** As given on the command line; what is absent stays as it is. */
export interface ConfigFlags {
  readonly interval?: string;
  readonly disableSampler?: string;
  readonly logLevel?: string;
}

/** @throws AppError BAD_CONFIG, NOT_FOUND, DATA_DIR_UNUSABLE */
export function setAgentConfig(dataDir: string, scope: ConfigScope, flags: ConfigFlags): string {
  const change = settingsOfFlags(flags);
  if (Object.keys(change).length === 0) {
    throw new AppError('BAD_CONFIG', 'nothing to set: give --interval, --disable-sampler or --log-level');
  }
  return want(dataDir, scope, (before) => ({ ...before, ...change }));
}

/** @throws AppError BAD_CONFIG, NOT_FOUND, DATA_DIR_UNUSABLE */
export function clearAgentConfig(dataDir: string, scope: ConfigScope): string {
  return want(dataDir, scope, () => ({}));
}

/** What is wanted, and what each host said to it; of one host alone with --host. @throws AppError NOT_FOUND, DATA_DIR_UNUSABLE */
export function showAgentConfig(dataDir: string, { host }: ConfigScope, isJson: boolean): string {
  return withKnownState(dataDir, (state) => {
    const store = new AgentConfigStore(state);
    const fleet = store.fleet();
    const hosts = hostsOf(state, host).map(({ id, name }) => {
      return { name, wanted: store.wantedOf(id), offer: store.offerOf(id) ?? null };
    });
    if (isJson) {
      const { stage, released, wanted } = fleet;
      return `${JSON.stringify({ all: { stage, released, wanted }, hosts })}\n`;
    }
    const known = hosts.filter(({ offer, wanted }) => offer !== null || Object.keys(wanted).length > 0);
    const rows = known.map(({ name, wanted, offer }) => [name, textOf(wanted), ...offerCells(offer)]);
    const head = ['HOST', 'ITS OWN', 'OFFERED', 'VERSION', 'STATE', 'SINCE', 'WHY'];
    return `all hosts: ${fleetText(fleet)}\n${rows.length === 0 ? '' : table(head, rows)}`;
  });
}

function want(dataDir: string, scope: ConfigScope, next: (before: AgentSettings) => AgentSettings): string {
  const { host, all = false } = scope;
  if ((host === undefined) !== all) throw new AppError('BAD_CONFIG', 'give --host NAME or --all');
  return withKnownState(dataDir, (state) => {
    const store = new AgentConfigStore(state);
    if (host === undefined) {
      const settings = settingsFields(next(store.fleet().wanted));
      store.wantOfAll(settings);
      return `wanted of all hosts: ${textOf(settings)}\n`;
    }
    const [found] = hostsOf(state, host);
    const settings = settingsFields(next(store.wantedOf(found?.id ?? '')));
    if (found !== undefined) store.wantOf(found.id, settings);
    return `wanted of ${host}: ${textOf(settings)}\n`;
  });
}

/** Hosts in name order; one when it is named. */
function hostsOf(
  state: Database,
  name: string | undefined,
): readonly { readonly id: string; readonly name: string }[] {
  const rows = state.connection
    .prepare(
      'SELECT id, name FROM hosts WHERE revoked_ms IS NULL AND (?1 IS NULL OR name = ?1) ORDER BY name',
    )
    .all(name ?? null);
  if (name !== undefined && rows.length === 0) throw new AppError('NOT_FOUND', `there is no host ${name}`);
  return rows.map((row) => ({ id: String(row['id']), name: String(row['name']) }));
}

function settingsOfFlags({ interval, disableSampler, logLevel }: ConfigFlags): AgentSettings {
  return {
    ...(interval === undefined ? {} : { intervalMs: intervalOf(interval) }),
    ...(disableSampler === undefined ? {} : { disabledSamplers: samplersOf(disableSampler) }),
    ...(logLevel === undefined ? {} : { logLevel: levelOf(logLevel) }),
  };
}

function intervalOf(text: string): number {
  const spanMs = parseDuration(text) ?? 0;
  if (spanMs >= INTERVAL_MS_MIN && spanMs <= INTERVAL_MS_MAX) return spanMs;
  throw new AppError('BAD_CONFIG', `--interval ${text}: must be a span from 1s to 1h`);
}

function samplersOf(text: string): readonly string[] {
  const names = text === 'none' ? [] : text.split(',').map((name) => name.trim());
  // What no agent has would be taken by all of them, and do nothing.
  const unknown = names.filter((name) => !isSamplerOfThisVersion(name));
  if (unknown.length === 0) return names;
  throw new AppError(
    'BAD_CONFIG',
    `--disable-sampler ${text}: there is no sampler ${unknown.map((name) => JSON.stringify(name)).join(', ')}; ` +
      `must be none, or with commas of ${SAMPLER_NAMES.join(', ')}`,
  );
}

function levelOf(text: string) {
  const level = logLevelOf(text);
  if (level !== undefined) return level;
  throw new AppError('BAD_CONFIG', `--log-level ${text}: must be debug, info, warn or error`);
}

function fleetText({ stage, released, wanted, ring }: FleetConfig): string {
  if (stage === 'done') return textOf(wanted);
  const how = stage === 'ring' ? `tried by ${ring.length} first` : 'stopped: too many of the first refused';
  return `${textOf(wanted)} (${how}); the others have: ${textOf(released)}`;
}

function offerCells(offer: Offer | null): readonly string[] {
  if (offer === null) return ['', '', 'waits for its agent', '', ''];
  const { version, settings, state, reason, text, changedMs } = offer;
  const offered = settings === '' ? 'again' : textOf(settingsOf(settings));
  const why = reason === '' ? '' : `${reason}: ${text}`;
  return [offered, String(version), state, timeText(changedMs), why];
}

function textOf({ intervalMs, disabledSamplers, logLevel }: AgentSettings): string {
  const parts = [
    intervalMs === undefined ? '' : `interval ${formatDuration(intervalMs)}`,
    disabledSamplers === undefined ? '' : `disable-sampler ${disabledSamplers.join() || 'none'}`,
    logLevel === undefined ? '' : `log-level ${logLevel}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}
