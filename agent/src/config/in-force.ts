/** Which settings hold, and who set them: what was set on this machine beats the collector, which beats the defaults. */
import type { LogLevel } from '@rollcall/shared/lib/log.ts';
import type { AgentSettings } from '@rollcall/shared/protocol/agent-config.ts';

/** The settings that a collector may change, as they stand on this machine. */
export interface LocalSettings {
  readonly intervalMs: number;
  readonly disabledSamplers: readonly string[];
  readonly logLevel: LogLevel;
  /** Where each setting comes from that was set here, by key; a default is not in it. */
  readonly origins: ReadonlyMap<string, string>;
}

/** One of them for people. */
export interface ShownSetting {
  readonly key: string;
  readonly value: string;
  /** For example `flag --interval`, `collector, version 3` or `default`. */
  readonly origin: string;
}

export interface SettingsInForce {
  readonly intervalMs: number;
  readonly disabledSamplers: readonly string[];
  readonly logLevel: LogLevel;
  readonly shown: readonly ShownSetting[];
}

/** @param remote what the collector wants; `name` says so to people */
export function settingsInForce(
  local: LocalSettings,
  remote: { readonly settings: AgentSettings; readonly name: string },
): SettingsInForce {
  const { origins } = local;
  const shown: ShownSetting[] = [];
  const choose = <T>(
    key: string,
    values: { readonly local: T; readonly remote: T | undefined },
    text: (value: T) => string,
  ): T => {
    const isRemote = values.remote !== undefined && !origins.has(key);
    const value = isRemote && values.remote !== undefined ? values.remote : values.local;
    const origin = isRemote ? remote.name : (origins.get(key) ?? 'default');
    shown.push({ key, value: text(value), origin });
    return value;
  };
  const { settings } = remote;
  const intervalMs = choose(
    'interval',
    { local: local.intervalMs, remote: settings.intervalMs },
    (spanMs) => `${spanMs / 1_000}s`,
  );
  const disabledSamplers = choose(
    'disable-sampler',
    { local: local.disabledSamplers, remote: settings.disabledSamplers },
    (names) => (names.length === 0 ? 'none' : names.join(', ')),
  );
  const logLevel = choose(
    'log-level',
    { local: local.logLevel, remote: settings.logLevel },
    (level) => level,
  );
  return { intervalMs, disabledSamplers, logLevel, shown };
}
