/** How the system is set up: time zone, what it runs in, how it starts. */
import { word } from '../raw.ts';
import { linkTarget, readBytes, readFact, readText, type SectionReader } from '../source.ts';
import { commaWords, efiFlag, timeZone } from './platform.ts';

/** Says which container this is (systemd's Container Interface). */
const CONTAINER = '/run/systemd/container';
/** Made by Docker and by Podman. */
const CONTAINER_MARKS = [
  ['/.dockerenv', 'docker'],
  ['/run/.containerenv', 'podman'],
] as const;
const SECURE_BOOT = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

export const platformReader: SectionReader = {
  name: 'platform',
  read({ host }) {
    const mark = CONTAINER_MARKS.find(([path]) => host.has(path))?.[1] ?? null;
    return {
      timeZone: timeZone(linkTarget(host, '/etc/localtime'), readFact(host, '/etc/timezone')),
      container: readFact(host, CONTAINER) ?? mark,
      isUefi: host.has('/sys/firmware/efi'),
      hasSecureBoot: efiFlag(readBytes(host, SECURE_BOOT)),
      securityModules: commaWords(readText(host, '/sys/kernel/security/lsm')),
      kernelVersion: word(host.kernelNames().version),
    };
  },
};
