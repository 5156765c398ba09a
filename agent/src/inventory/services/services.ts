/** Services that a machine is set up to run, by the words of its service manager. Pure. */
import { compareUtf8 } from '@rollcall/shared/lib/text.ts';
import type { InventoryRecord } from '@rollcall/shared/inventory/canonical.ts';
import { isRecord, records, text, word } from '../raw.ts';

/** A service; whether it runs at the moment is no inventory but a metric. */
export interface Service {
  readonly name: string;
  /** The word of the service manager: `enabled`, `disabled`, `static`, `masked` …; Windows: `Auto`, `Manual` … */
  readonly state: string;
}

const SERVICES_MAX = 5_000;

export function servicesContent(services: readonly Service[]): InventoryRecord {
  const sorted = [...new Map(services.map((each) => [each.name, each])).values()]
    .filter(({ name }) => name !== '')
    .sort((left, right) => compareUtf8(left.name, right.name));
  const kept = sorted.slice(0, SERVICES_MAX);
  return {
    ...(sorted.length > kept.length ? { omitted: sorted.length - kept.length } : {}),
    services: kept.map(({ name, state }) => ({ name, state })),
  };
}

/**
 * `systemctl list-unit-files --type=service --no-legend --plain`: name, state, and since version 246 a preset. Units
 * that are made anew at each start (`generated`, `transient`) are left out.
 */
export function parseUnitFiles(output: string): Service[] {
  return output.split('\n').flatMap((line) => {
    const [name = '', state = ''] = line.trim().split(/\s+/);
    const isSetUp = name.endsWith('.service') && /^[a-z-]+$/.test(state);
    if (!isSetUp || state === 'transient' || state === 'generated') return [];
    return [{ name: word(name), state }];
  });
}

/** Scripts in `/etc/init.d`, and the links of a run level such as `S01cron` that say which ones start. */
export function parseInitScripts(scripts: readonly string[], links: readonly string[]): Service[] {
  const started = new Set(links.map((link) => /^S\d+(.+)$/.exec(link)?.[1]));
  return scripts
    .filter((name) => /^[\w@.-]+$/.test(name) && name !== 'README' && name !== 'functions.sh')
    .map((name) => ({ name: word(name), state: started.has(name) ? 'enabled' : 'disabled' }));
}

/** `launchctl list`: process, last exit status, label. Applications that people have open are left out. */
export function parseLaunchctl(output: string): Service[] {
  return output.split('\n').flatMap((line) => {
    const [pid, , label] = line.split('\t');
    if (label === undefined || label === 'Label' || pid === undefined) return [];
    if (label.startsWith('application.')) return [];
    return [{ name: word(label), state: 'loaded' }];
  });
}

/** What `Get-CimInstance Win32_Service | ConvertTo-Json` prints. */
export function parseWindowsServices(output: string): Service[] {
  const root: unknown = JSON.parse(output);
  return records(Array.isArray(root) ? root : [root], SERVICES_MAX).map((raw) => ({
    // Services of one session have its number at their end and are made anew at each login.
    name: (text(raw, 'Name') ?? '').replace(/_[0-9a-f]{4,8}$/, ''),
    state: (isRecord(raw) ? text(raw, 'StartMode') : null) ?? 'unknown',
  }));
}
