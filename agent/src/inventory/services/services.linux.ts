/** Services of systemd; elsewhere the scripts of System V and of OpenRC. */
import { listNames, type SectionReader, type Source } from '../source.ts';
import { parseInitScripts, parseUnitFiles, servicesContent, type Service } from './services.ts';

/** There when systemd is process 1 (sd_booted(3)). */
const SYSTEMD_RUNS = '/run/systemd/system';
const INIT_SCRIPTS = '/etc/init.d';
/** Links of the run level that a server without systemd has; OpenRC names the services of its level themselves. */
const RUN_LEVEL = '/etc/rc3.d';
const OPENRC_LEVELS = ['/etc/runlevels/sysinit', '/etc/runlevels/boot', '/etc/runlevels/default'];

export const servicesReader: SectionReader = {
  name: 'services',
  async read(source) {
    const services = await readServices(source);
    return services === undefined ? undefined : servicesContent(services);
  },
};

async function readServices(source: Source): Promise<Service[] | undefined> {
  const { host } = source;
  if (host.has(SYSTEMD_RUNS)) return parseUnitFiles(await source.run('systemdUnitFiles'));
  if (!host.has(INIT_SCRIPTS)) return undefined;
  const started = OPENRC_LEVELS.flatMap((level) => listNames(host, level)).map((name) => `S00${name}`);
  return parseInitScripts(listNames(host, INIT_SCRIPTS), [...listNames(host, RUN_LEVEL), ...started]);
}
