/**
 * Every program that the inventory may start, besides those that systeminformation starts by itself: absolute path and
 * arguments, no shell, nothing from the network, nothing that changes the machine. Standard input is empty.
 */

/** A program and how it is called. */
export interface Command {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Shape of one further argument; without it there is none. */
  readonly operand?: RegExp;
  /** Codes besides 0 that it ends with when it has answered; `any` when its answer says how it went. */
  readonly exitCodes?: readonly number[] | 'any';
}

const POWERSHELL = 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe';

function powershell(script: string): Command {
  const args = ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command', script];
  return { program: POWERSHELL, args };
}

const REGISTRY_UNINSTALL = [
  'HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*',
  'HKLM:\\SOFTWARE\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*',
];

const LINUX_COMMANDS = {
  /** One line per package: name, epoch, version-release, architecture. */
  rpmPackages: {
    program: '/usr/bin/rpm',
    args: ['-qa', '--queryformat', '%{NAME}\\t%{EPOCH}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\n'],
  },
  /** Simulates; needs neither root nor a network, and takes no lock. */
  aptUpdates: {
    program: '/usr/bin/apt-get',
    args: ['--simulate', '--option', 'Debug::NoLocking=1', 'dist-upgrade'],
  },
  /** From the cache only. Ends with 100 when there are updates. */
  dnfUpdates: {
    program: '/usr/bin/dnf',
    args: ['--cacheonly', '--quiet', 'check-update'],
    exitCodes: [100],
  },
  apkUpdates: { program: '/sbin/apk', args: ['version', '--no-network', '--limit', '<'] },
  /** Ends with 1 when there are none. */
  pacmanUpdates: { program: '/usr/bin/pacman', args: ['--query', '--upgrades'], exitCodes: [1] },
  systemdUnitFiles: {
    program: '/usr/bin/systemctl',
    args: ['list-unit-files', '--type=service', '--no-pager', '--no-legend', '--plain', '--full'],
  },
  /** A disk that sleeps is left alone. The exit code is a set of flags about the disk (smartctl(8)). */
  smart: {
    program: '/usr/sbin/smartctl',
    args: ['--json=c', '--nocheck=standby', '--info', '--health', '--attributes'],
    operand: /^\/dev\/[a-z0-9]{1,32}$/,
    exitCodes: 'any',
  },
} as const satisfies Readonly<Record<string, Command>>;

const MACOS_COMMANDS = {
  /** Displays, printers and memory come from systeminformation; applications are read here. */
  macApplications: {
    program: '/usr/sbin/system_profiler',
    args: ['-json', '-detailLevel', 'mini', 'SPApplicationsDataType'],
  },
  launchdServices: { program: '/bin/launchctl', args: ['list'] },
  /** Needs no root to say on or off. */
  fileVault: { program: '/usr/bin/fdesetup', args: ['status'], exitCodes: 'any' },
  macUsers: { program: '/usr/bin/dscl', args: ['.', '-list', '/Users', 'UniqueID'] },
  macAdmins: { program: '/usr/bin/dscl', args: ['.', '-read', '/Groups/admin', 'GroupMembership'] },
  macListeners: {
    program: '/usr/sbin/lsof',
    args: ['-nP', '-iTCP', '-sTCP:LISTEN', '-FpcLPn'],
    exitCodes: [1],
  },
} as const satisfies Readonly<Record<string, Command>>;

const WINDOWS_COMMANDS = {
  winPrograms: powershell(
    `Get-ItemProperty ${REGISTRY_UNINSTALL.map((path) => `'${path}'`).join(',')} -ErrorAction SilentlyContinue |` +
      ' Where-Object DisplayName | Select-Object DisplayName,DisplayVersion,Publisher | ConvertTo-Json -Compress',
  ),
  winServices: powershell(
    'Get-CimInstance Win32_Service | Select-Object Name,DisplayName,StartMode,StartName | ConvertTo-Json -Compress',
  ),
  winUsers: powershell(
    "$admins = @(Get-LocalGroupMember -SID 'S-1-5-32-544' | ForEach-Object { $_.SID.Value });" +
      " Get-LocalUser | Select-Object Name,Enabled,@{n='Sid';e={$_.SID.Value}}," +
      "@{n='IsAdmin';e={$admins -contains $_.SID.Value}} | ConvertTo-Json -Compress",
  ),
  winListeners: powershell(
    'Get-NetTCPConnection -State Listen | Select-Object LocalAddress,LocalPort,' +
      "@{n='Process';e={(Get-Process -Id $_.OwningProcess -ErrorAction SilentlyContinue).ProcessName}} |" +
      ' ConvertTo-Json -Compress',
  ),
  /** Encryption as the shell sees it, which needs no administrator; Win32_EncryptableVolume would. */
  winBitLocker: powershell(
    '$shell = New-Object -ComObject Shell.Application; Get-CimInstance Win32_LogicalDisk -Filter DriveType=3 |' +
      " Select-Object DeviceID,@{n='Protection';e={$shell.NameSpace($_.DeviceID).Self.ExtendedProperty('System.Volume.BitLockerProtection')}} |" +
      ' ConvertTo-Json -Compress',
  ),
  winRebootPending: powershell(
    "$keys = 'Component Based Servicing\\RebootPending','WindowsUpdate\\Auto Update\\RebootRequired';" +
      ' @{ isRebootRequired = [bool]($keys | Where-Object { Test-Path "HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\$_" }) } |' +
      ' ConvertTo-Json -Compress',
  ),
} as const satisfies Readonly<Record<string, Command>>;

export type CommandName =
  keyof typeof LINUX_COMMANDS | keyof typeof MACOS_COMMANDS | keyof typeof WINDOWS_COMMANDS;

export const COMMANDS: Readonly<Record<CommandName, Command>> = {
  ...LINUX_COMMANDS,
  ...MACOS_COMMANDS,
  ...WINDOWS_COMMANDS,
};
