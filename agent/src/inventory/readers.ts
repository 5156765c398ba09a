/** The register: which sections are read on which operating system, besides those of sections.ts. */
import {
  batteriesReader,
  displaysReader,
  gpusReader,
  printersReader,
  usbReader,
} from './devices/devices.linux.ts';
import { encryptionReader } from './encryption/encryption.linux.ts';
import { packagesReader } from './packages/packages.linux.ts';
import { platformReader } from './platform/platform.linux.ts';
import { portsReader } from './ports/ports.linux.ts';
import { MACOS_READERS } from './readers.darwin.ts';
import { WINDOWS_READERS } from './readers.win32.ts';
import { servicesReader } from './services/services.linux.ts';
import type { SectionReader } from './source.ts';
import { updatesReader } from './updates/updates.linux.ts';
import { usersReader } from './users/users.linux.ts';

const LINUX: readonly SectionReader[] = [
  platformReader,
  gpusReader,
  displaysReader,
  batteriesReader,
  usbReader,
  printersReader,
  packagesReader,
  servicesReader,
  portsReader,
  usersReader,
  updatesReader,
  encryptionReader,
];

const READERS: Readonly<Partial<Record<NodeJS.Platform, readonly SectionReader[]>>> = {
  linux: LINUX,
  darwin: MACOS_READERS,
  win32: WINDOWS_READERS,
};

/** The readers of an operating system in the order in which their sections are printed; none for one that we do not know. */
export function sectionReaders(platform: NodeJS.Platform): readonly SectionReader[] {
  return READERS[platform] ?? [];
}
