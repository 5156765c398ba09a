/** How btrfs lays data out on its devices. */

/**
 * Bytes that the devices hold for each byte of data; undefined for a layout that is not known, or where there are too few
 * devices to tell. Source: mkfs.btrfs(8), "Profiles".
 * @param mode such as `raid1c3`, as the kernel names it
 */
export function copiesRatio(mode: string, deviceCount: number): number | undefined {
  switch (mode) {
    case 'single':
    case 'raid0':
      return 1;
    case 'dup':
    case 'raid1':
    case 'raid10':
      return 2;
    case 'raid1c3':
      return 3;
    case 'raid1c4':
      return 4;
    case 'raid5':
      return withParity(deviceCount, 1);
    case 'raid6':
      return withParity(deviceCount, 2);
    default:
      return undefined;
  }
}

function withParity(deviceCount: number, parityCount: number): number | undefined {
  return deviceCount > parityCount ? deviceCount / (deviceCount - parityCount) : undefined;
}
