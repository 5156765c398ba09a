/**
 * The sections of an inventory on all operating systems, for whoever must not load what reads them. A test of the agent's
 * register keeps the two the same.
 */
export const SECTION_NAMES = [
  'batteries',
  'bios',
  'board',
  'chassis',
  'cpu',
  'disks',
  'displays',
  'encryption',
  'gpus',
  'memory',
  'nics',
  'os',
  'packages',
  'platform',
  'ports',
  'printers',
  'services',
  'system',
  'updates',
  'usb',
  'users',
] as const;
