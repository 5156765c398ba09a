/**
 * The systemd unit of the agent: its own user, nothing it can write but its state folder, no capability, no namespace, a
 * list of system calls, limits on memory and processor (systemd.exec(5), systemd.resource-control(5)). Pure.
 */

/** What differs from machine to machine. Paths are absolute. */
export interface UnitOptions {
  /** The Node.js that runs it. */
  readonly node: string;
  /** The agent's own program. */
  readonly program: string;
  /** Configuration file, undefined for none. */
  readonly configFile: string | undefined;
}

/** Name of the unit, and of its folders below /var/lib and /etc. */
export const UNIT_NAME = 'rollcall-agent.service';
export const UNIT_PATH = `/etc/systemd/system/${UNIT_NAME}`;
/** Who it runs as. Not a dynamic user: its folder would be a link, and nobody else could ask for its status. */
export const SERVICE_USER = 'rollcall-agent';
export const USER_PATH = `/etc/sysusers.d/${SERVICE_USER}.conf`;
const STATE_NAME = 'rollcall-agent';
/** Variables such as ROLLCALL_URL and ROLLCALL_TOKEN for the first start; readable by root only. */
const ENVIRONMENT_FILE = '/etc/rollcall/agent.env';

/**
 * Everything that is taken away from the service, and why a line that one would expect is not there:
 * MemoryDenyWriteExecute stops Node.js, which compiles; ProtectHome=yes would hide file systems below /home from the disk
 * sampler; ProtectProc and ProcSubset would hide processes and /proc/stat.
 */
const HARDENING = `NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
UMask=0077
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @mount @debug @cpu-emulation @obsolete
SystemCallErrorNumber=EPERM
UnsetEnvironment=NODE_OPTIONS`;

/** A monitor must not hurt what it watches. The inventory's process counts too, for a few seconds. */
const LIMITS = `LimitNOFILE=1024
LimitCORE=0
MemoryHigh=192M
MemoryMax=320M
TasksMax=64
CPUQuota=50%
CPUWeight=20
IOWeight=20
OOMScoreAdjust=200`;

/** The user's line (sysusers.d(5)): without a password, a shell or a home. */
export function userText(): string {
  return `u ${SERVICE_USER} - "Rollcall agent"\n`;
}

/** The text of the unit file. */
export function unitText({ node, program, configFile }: UnitOptions): string {
  const words = [node, program, 'run', '--data-dir', `/var/lib/${STATE_NAME}`];
  if (configFile !== undefined) words.push('--config', configFile);
  return `# Written by "rollcall-agent service install"; changes belong into a drop-in (systemctl edit ${STATE_NAME}).
[Unit]
Description=Rollcall agent
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${words.map(quoted).join(' ')}
EnvironmentFile=-${ENVIRONMENT_FILE}
Restart=always
RestartSec=5
# Wrong settings do not get better by trying again.
RestartPreventExitStatus=2
User=${SERVICE_USER}
StateDirectory=${STATE_NAME}
StateDirectoryMode=0700

${HARDENING}

${LIMITS}

[Install]
WantedBy=multi-user.target
`;
}

/** A word of a command line as systemd reads it (systemd.service(5), Command lines). */
function quoted(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[\w@%+=:,./$-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
