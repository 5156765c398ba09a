/** The settings that would hold if the agent were started now. */
import { existsSync } from 'node:fs';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import { openConfig, type ConfigDocument } from '@rollcall/shared/protocol/agent-config.ts';
import { settingsInForce, type SettingsInForce, type ShownSetting } from '../config/in-force.ts';
import type { Config } from '../config/load.ts';
import { configStore } from '../config/remote-file.ts';
import { readIdentity } from '../enroll/identity-file.ts';
import { PrivateDir } from '../enroll/private-dir.ts';
import type { Terminal } from './terminal.ts';

/** Makes no folder and changes nothing. Whoever may not look into the data folder is told so, and sees what is set here. */
export function storedSettings(config: Config, terminal: Terminal): SettingsInForce {
  const document = config.isRemoteConfigAllowed ? storedDocument(config.dataDir, terminal) : undefined;
  const { settings = {}, version = 0 } = document ?? {};
  return settingsInForce(config, { settings, name: `collector, version ${version}` });
}

function storedDocument(dataDir: string, terminal: Terminal): ConfigDocument | undefined {
  if (!existsSync(dataDir)) return undefined;
  try {
    const dir = PrivateDir.open(dataDir);
    const identity = readIdentity(dir);
    const { current } = configStore(dir).read();
    if (identity === undefined || current === null) return undefined;
    const opened = openConfig(current, identity.identity);
    return opened.kind === 'document' ? opened.document : undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    terminal.complain(`rollcall-agent: cannot see settings of the collector: ${describeError(error)}\n`);
    return undefined;
  }
}

/** In one line. */
export function settingsText(shown: readonly ShownSetting[]): string {
  return shown.map(({ key, value, origin }) => `${key} ${value} (${origin})`).join('; ');
}
