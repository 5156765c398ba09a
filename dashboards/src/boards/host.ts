/**
 * One host. The first screen answers whether it is all right; everything else is there, folded. Long because it is a
 * list: a section after the other, a panel after the other.
 */
import type { Board } from '../board.ts';
import { bars, chart, dial, falling, NONE_WANTED, note, number, PLAIN, rising, table } from '../panel.ts';
import { gauge, rate, rateShare, share, written, combine } from '../query.ts';
import {
  agentMarks,
  alertMarks,
  cpuBusy,
  diskBusy,
  failedUnits,
  FILLABLE,
  fullestFilesystem,
  HOST,
  HOST_CHOICE,
  JOB,
  kernelMarks,
  memoryUsed,
  networkBits,
  REAL_DISK,
  REAL_NETWORK,
  restartMarks,
  uptime,
} from './common.ts';

const one = (legend: string, where = '') => ({ scope: HOST, legend, where });
/** Share of the time; orange from a tenth, red from a quarter on. */
const WAITING = rising(0.1, 0.25);

const ALL_RIGHT = [
  number({
    title: 'Reports',
    help: 'Whether the agent reports. Red: the host, its network or the agent has stopped; everything below is old. See whether it answers a ping, then `rollcall-agent status` on it.',
    unit: 'none',
    width: 3,
    scale: falling(1, 1),
    texts: { '0': ['No', 'red'], '1': ['Yes', 'green'] },
    queries: [gauge('up', one('Reports'))],
  }),
  number({
    title: 'Alerts',
    help: 'Alerts of this host that fire. Red: open the board of alerts; each says what to do.',
    unit: 'none',
    width: 3,
    scale: NONE_WANTED,
    queries: [
      written(
        'Alerts',
        'count(ALERTS{alertstate="firing",instance="$host"}) or vector(0)',
        gauge('ALERTS', {
          scope: 'instance="$host"',
          where: 'alertstate="firing"',
          legend: 'Alerts',
          over: 'count',
          labels: ['alertname', 'severity'],
        }).influxql,
      ),
    ],
  }),
  number({
    title: 'Running for',
    help: 'Time since the start. Orange for the first ten minutes: somebody or something has restarted it; look at the log of the last start.',
    unit: 'dtdurations',
    width: 3,
    scale: falling(0, 600),
    queries: [uptime(one('Running for'))],
  }),
  number({
    title: 'Failed units',
    help: 'Units of systemd that have failed. Red: `systemctl --failed` names them, `journalctl -u NAME` says why. Empty without systemd.',
    unit: 'none',
    width: 3,
    scale: NONE_WANTED,
    queries: [failedUnits(one('Failed'))],
  }),
  number({
    title: 'Processors',
    help: 'How many the kernel uses. No judgement; a lower number than yours means some are switched off.',
    unit: 'none',
    width: 3,
    scale: PLAIN,
    queries: [gauge('node_cpu_seconds_total', { ...one('Processors', 'mode="idle"'), over: 'count' })],
  }),
  number({
    title: 'Memory',
    help: 'Physical memory. No judgement.',
    unit: 'bytes',
    width: 3,
    scale: PLAIN,
    queries: [gauge('node_memory_MemTotal_bytes', one('Memory'))],
  }),
  number({
    title: 'Samplers that fail',
    help: 'Parts of the agent that cannot read their resource. Red: some charts below are empty for that reason; `rollcall-agent doctor` on the host says which and why.',
    unit: 'none',
    width: 3,
    scale: NONE_WANTED,
    queries: [
      gauge('node_scrape_collector_success', {
        ...one('Failing'),
        over: 'sum',
        each: (success) => `1 - ${success}`,
      }),
    ],
  }),
  number({
    title: 'Waiting to be sent',
    help: 'Size of the readings that the collector has not acknowledged. Orange from 10 MiB on: the way to the collector was cut or is too slow; charts fill up once it is back.',
    unit: 'bytes',
    width: 3,
    scale: rising(10 * 2 ** 20, 50 * 2 ** 20),
    queries: [gauge('rollcall_spool_bytes', one('Waiting'))],
  }),
  dial({
    title: 'CPU',
    help: 'Share of all processors in use. Red: the processes at the top of `top` want more than there is; look at "Processors by mode" for what it is spent on.',
    unit: 'percentunit',
    width: 4,
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [cpuBusy(one('CPU'))],
  }),
  dial({
    title: 'Memory used',
    help: 'Share of the memory that a new program could not have. Red: programs will soon be killed or pushed to disk; find the largest with `ps --sort -rss`.',
    unit: 'percentunit',
    width: 4,
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [memoryUsed(one('Memory'))],
  }),
  dial({
    title: 'Fullest file system',
    help: 'Share used of the fullest file system that people can fill. Red: see "File systems" for which; delete, move, or enlarge.',
    unit: 'percentunit',
    width: 4,
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [fullestFilesystem(one('Fullest'))],
  }),
  dial({
    title: 'Busiest disk',
    help: 'Share of the time that the busiest disk had something to do. Red: on a spinning disk it is the bottleneck; a solid-state one may do more at once, so look at the time of a request too.',
    unit: 'percentunit',
    width: 4,
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [diskBusy(one('Busiest'))],
  }),
  dial({
    title: 'Load for each processor',
    help: 'Tasks that run or wait, averaged over five minutes, for each processor. Red: twice as many as can run. On Linux waiting for a disk counts too.',
    unit: 'short',
    width: 4,
    decimals: 2,
    min: 0,
    max: 4,
    scale: rising(1.5, 2),
    queries: [
      written('Load', `max(node_load5{${HOST}}) / count(node_cpu_seconds_total{${HOST},mode="idle"})`),
    ],
  }),
  bars({
    title: 'Pressure',
    help: 'Share of the time that some task waited for processor, memory or disk. Red: that resource is what the host lacks. Needs Linux 4.20 with PSI.',
    unit: 'percentunit',
    width: 4,
    height: 5,
    min: 0,
    max: 1,
    scale: WAITING,
    queries: [
      rate('node_pressure_cpu_waiting_seconds_total', one('CPU')),
      rate('node_pressure_memory_waiting_seconds_total', one('Memory')),
      rate('node_pressure_io_waiting_seconds_total', one('Disk')),
    ],
  }),
];

const OVERVIEW = [
  chart({
    title: 'Processors by mode',
    help: 'What the processors spend their time on. Much iowait: disks; steal: the hypervisor gives less than it promised; softirq: network.',
    unit: 'percentunit',
    width: 12,
    isStacked: true,
    min: 0,
    queries: [rate('node_cpu_seconds_total', { ...one('{{mode}}', 'mode!="idle"'), over: 'avg' })],
  }),
  chart({
    title: 'Memory by use',
    help: 'Where the memory is. Cache and buffers are given back when programs need them; what counts is what remains available.',
    unit: 'bytes',
    width: 12,
    isStacked: true,
    min: 0,
    queries: [
      gauge('node_memory_AnonPages_bytes', one('Programs')),
      gauge('node_memory_Cached_bytes', one('Cache')),
      gauge('node_memory_Buffers_bytes', one('Buffers')),
      gauge('node_memory_Slab_bytes', one('Kernel')),
      gauge('node_memory_MemFree_bytes', one('Free')),
    ],
  }),
  chart({
    title: 'Network',
    help: 'Bits per second of all real devices: received above, sent below. Flat at the speed of the link: it is full.',
    unit: 'bps',
    width: 12,
    below: '^Sent',
    queries: [networkBits('receive', one('Received')), networkBits('transmit', one('Sent'))],
  }),
  chart({
    title: 'Disks',
    help: 'Bytes per second: read above, written below.',
    unit: 'Bps',
    width: 12,
    below: '^Written',
    queries: [
      rate('node_disk_read_bytes_total', { ...one('Read {{device}}', REAL_DISK) }),
      rate('node_disk_written_bytes_total', { ...one('Written {{device}}', REAL_DISK) }),
    ],
  }),
];

const PROCESSORS = [
  chart({
    title: 'Each processor',
    help: 'Share in use of each. One at 100 % beside idle ones: a program that cannot use more than one.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    queries: [
      rate('node_cpu_seconds_total', {
        ...one('Processor {{cpu}}', 'mode="idle"'),
        map: (idle) => `1 - ${idle}`,
      }),
    ],
  }),
  chart({
    title: 'Load',
    help: 'Tasks that run or wait, averaged over 1, 5 and 15 minutes.',
    unit: 'short',
    min: 0,
    queries: [
      gauge('node_load1', one('1 minute')),
      gauge('node_load5', one('5 minutes')),
      gauge('node_load15', one('15 minutes')),
    ],
  }),
  chart({
    title: 'Tasks running and blocked',
    help: 'Tasks on a processor or ready for one, and tasks that wait for a disk. Many blocked ones: look at the disks and at network file systems that do not answer.',
    unit: 'short',
    min: 0,
    queries: [gauge('node_procs_running', one('Running')), gauge('node_procs_blocked', one('Blocked'))],
  }),
  chart({
    title: 'Switches and interrupts',
    help: 'Changes between tasks, and interrupts, per second. A jump without more work: a device or a driver misbehaves.',
    unit: 'ops',
    min: 0,
    queries: [
      rate('node_context_switches_total', one('Switches')),
      rate('node_intr_total', one('Interrupts')),
    ],
  }),
  chart({
    title: 'Waiting for a processor',
    help: 'Seconds per second that tasks were ready and had to wait, on each processor.',
    unit: 's',
    min: 0,
    queries: [rate('node_schedstat_waiting_seconds_total', one('Processor {{cpu}}'))],
  }),
  chart({
    title: 'Clock rate',
    help: 'What the kernel has chosen for each core. Low under load: it is hot or short of power. Empty in most virtual machines.',
    unit: 'hertz',
    min: 0,
    queries: [gauge('node_cpu_scaling_frequency_hertz', one('Processor {{cpu}}'))],
  }),
];

const MEMORY = [
  chart({
    title: 'Available',
    help: 'What a new program could have without swapping, and all there is.',
    unit: 'bytes',
    min: 0,
    queries: [
      gauge('node_memory_MemAvailable_bytes', one('Available')),
      gauge('node_memory_MemTotal_bytes', one('Total')),
    ],
  }),
  chart({
    title: 'Swap',
    help: 'Space on disk that stands in for memory. Used and steady is harmless; see "Swapping" for movement.',
    unit: 'bytes',
    min: 0,
    queries: [
      combine(
        { left: 'node_memory_SwapTotal_bytes', operator: '-', right: 'node_memory_SwapFree_bytes' },
        one('Used'),
      ),
      gauge('node_memory_SwapTotal_bytes', one('Total')),
    ],
  }),
  chart({
    title: 'Swapping',
    help: 'Pages per second to and from swap. Steady movement: there is too little memory for the work.',
    unit: 'ops',
    below: '^Out',
    queries: [rate('node_vmstat_pswpin', one('In')), rate('node_vmstat_pswpout', one('Out'))],
  }),
  chart({
    title: 'Page faults from disk',
    help: 'Pages per second that had to be read. High together with little available memory: programs throw each other out of the cache.',
    unit: 'ops',
    min: 0,
    queries: [rate('node_vmstat_pgmajfault', one('Faults'))],
  }),
  chart({
    title: 'Programs killed for lack of memory',
    help: 'Per second; any is one too many. `journalctl -k | grep -i "killed process"` names them. Needs Linux 4.13.',
    unit: 'ops',
    min: 0,
    scale: rising(0.000_1, 0.001),
    queries: [rate('node_vmstat_oom_kill', one('Killed'))],
  }),
  chart({
    title: 'Waiting to be written',
    help: 'Changed pages in memory, and those on their way to the disk. Growing without end: the disk cannot keep up.',
    unit: 'bytes',
    min: 0,
    queries: [
      gauge('node_memory_Dirty_bytes', one('Changed')),
      gauge('node_memory_Writeback_bytes', one('On the way')),
    ],
  }),
  chart({
    title: 'Promised',
    help: 'Memory that programs have asked for, and the limit where the kernel is told to be strict.',
    unit: 'bytes',
    min: 0,
    queries: [
      gauge('node_memory_Committed_AS_bytes', one('Promised')),
      gauge('node_memory_CommitLimit_bytes', one('Limit')),
    ],
  }),
  chart({
    title: 'Kernel',
    help: 'What the kernel itself takes. Slab that cannot be given back and grows for days: a leak in a driver.',
    unit: 'bytes',
    min: 0,
    queries: [
      gauge('node_memory_SReclaimable_bytes', one('Slab, can be given back')),
      gauge('node_memory_SUnreclaim_bytes', one('Slab')),
      gauge('node_memory_KernelStack_bytes', one('Stacks')),
      gauge('node_memory_PageTables_bytes', one('Page tables')),
    ],
  }),
  chart({
    title: 'Defective memory',
    help: 'Pages that the hardware has given up. Anything above nought: replace the module.',
    unit: 'bytes',
    min: 0,
    scale: rising(1, 1),
    queries: [gauge('node_memory_HardwareCorrupted_bytes', one('Defective'))],
  }),
];

const DISKS = [
  chart({
    title: 'Requests',
    help: 'Requests per second: reads above, writes below.',
    unit: 'iops',
    below: '^Writes',
    queries: [
      rate('node_disk_reads_completed_total', one('Reads {{device}}', REAL_DISK)),
      rate('node_disk_writes_completed_total', one('Writes {{device}}', REAL_DISK)),
    ],
  }),
  chart({
    title: 'Time of a request',
    help: 'Mean time from asking to having. Solid-state disks: below 1 ms; spinning ones: about 10 ms. Ten times as much: it is full of requests or about to fail.',
    unit: 's',
    below: '^Write',
    queries: [
      rateShare(
        'node_disk_read_time_seconds_total',
        'node_disk_reads_completed_total',
        one('Read {{device}}', REAL_DISK),
      ),
      rateShare(
        'node_disk_write_time_seconds_total',
        'node_disk_writes_completed_total',
        one('Write {{device}}', REAL_DISK),
      ),
    ],
  }),
  chart({
    title: 'Busy',
    help: 'Share of the time with at least one request under way.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [rate('node_disk_io_time_seconds_total', one('{{device}}', REAL_DISK))],
  }),
  chart({
    title: 'Requests under way',
    help: 'How many wait or are being served, on average. Steadily above what the disk can do at once: a queue.',
    unit: 'short',
    min: 0,
    queries: [rate('node_disk_io_time_weighted_seconds_total', one('{{device}}', REAL_DISK))],
  }),
  chart({
    title: 'Size of a request',
    help: 'Mean bytes of a read and of a write. Small ones cost as much as large ones.',
    unit: 'bytes',
    below: '^Write',
    queries: [
      rateShare(
        'node_disk_read_bytes_total',
        'node_disk_reads_completed_total',
        one('Read {{device}}', REAL_DISK),
      ),
      rateShare(
        'node_disk_written_bytes_total',
        'node_disk_writes_completed_total',
        one('Write {{device}}', REAL_DISK),
      ),
    ],
  }),
  chart({
    title: 'RAID members',
    help: 'Disks of an array by state. Anything failed: replace it. Empty without Linux software RAID.',
    unit: 'short',
    min: 0,
    queries: [gauge('node_md_disks', one('{{device}} {{state}}'))],
  }),
];

const FILE_SYSTEMS = [
  table({
    title: 'File systems',
    help: 'All that people can fill. Red from 95 % on: delete, move, or enlarge; `du -xh --max-depth 1` finds what is large.',
    height: 8,
    labels: { mountpoint: 'Mounted at', device: 'Device', fstype: 'Kind' },
    sortBy: 'Used',
    isDescending: true,
    columns: [
      {
        title: 'Used',
        unit: 'percentunit',
        scale: rising(0.85, 0.95),
        barMax: 1,
        query: share('node_filesystem_avail_bytes', 'node_filesystem_size_bytes', {
          ...one('', FILLABLE),
          by: ['mountpoint', 'device', 'fstype'],
          over: 'max',
          each: (free) => `1 - ${free}`,
        }),
      },
      {
        title: 'Free',
        unit: 'bytes',
        query: gauge('node_filesystem_avail_bytes', {
          ...one('', FILLABLE),
          by: ['mountpoint', 'device', 'fstype'],
          over: 'max',
        }),
      },
      {
        title: 'Size',
        unit: 'bytes',
        query: gauge('node_filesystem_size_bytes', {
          ...one('', FILLABLE),
          by: ['mountpoint', 'device', 'fstype'],
          over: 'max',
        }),
      },
      {
        title: 'Files used',
        unit: 'percentunit',
        scale: rising(0.85, 0.95),
        query: share('node_filesystem_files_free', 'node_filesystem_files', {
          ...one('', FILLABLE),
          by: ['mountpoint', 'device', 'fstype'],
          over: 'max',
          each: (free) => `1 - ${free}`,
        }),
      },
    ],
  }),
  chart({
    title: 'Space used',
    help: 'Share of each file system. A straight line upwards: see the board of capacity for when it is full.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [
      share('node_filesystem_avail_bytes', 'node_filesystem_size_bytes', {
        ...one('{{mountpoint}}', FILLABLE),
        over: 'max',
        each: (free) => `1 - ${free}`,
      }),
    ],
  }),
  chart({
    title: 'Files used',
    help: 'Share of the files (inodes) that each file system can hold. Full with space left: very many small files.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [
      share('node_filesystem_files_free', 'node_filesystem_files', {
        ...one('{{mountpoint}}', FILLABLE),
        over: 'max',
        each: (free) => `1 - ${free}`,
      }),
    ],
  }),
  chart({
    title: 'Read-only or not readable',
    help: 'File systems that nothing can be written to, or that do not answer. One that turned read-only by itself has errors: `dmesg` tells.',
    unit: 'none',
    min: 0,
    queries: [
      gauge('node_filesystem_readonly', { ...one('Read-only {{mountpoint}}', FILLABLE), over: 'max' }),
      gauge('node_filesystem_device_error', { ...one('No answer {{mountpoint}}', FILLABLE), over: 'max' }),
    ],
  }),
];

const NETWORK = [
  chart({
    title: 'Traffic of each device',
    help: 'Bits per second: received above, sent below.',
    unit: 'bps',
    below: '^Sent',
    queries: [
      rate('node_network_receive_bytes_total', {
        ...one('Received {{device}}', REAL_NETWORK),
        map: (bytes) => `${bytes} * 8`,
      }),
      rate('node_network_transmit_bytes_total', {
        ...one('Sent {{device}}', REAL_NETWORK),
        map: (bytes) => `${bytes} * 8`,
      }),
    ],
  }),
  chart({
    title: 'Packets',
    help: 'Packets per second: received above, sent below.',
    unit: 'pps',
    below: '^Sent',
    queries: [
      rate('node_network_receive_packets_total', one('Received {{device}}', REAL_NETWORK)),
      rate('node_network_transmit_packets_total', one('Sent {{device}}', REAL_NETWORK)),
    ],
  }),
  chart({
    title: 'Errors and drops',
    help: 'Packets per second that were damaged or thrown away. Errors: cable, socket or duplex; drops: the host cannot keep up.',
    unit: 'pps',
    min: 0,
    scale: rising(1, 10),
    queries: [
      rate('node_network_receive_errs_total', one('Receive errors {{device}}', REAL_NETWORK)),
      rate('node_network_transmit_errs_total', one('Transmit errors {{device}}', REAL_NETWORK)),
      rate('node_network_receive_drop_total', one('Receive drops {{device}}', REAL_NETWORK)),
      rate('node_network_transmit_drop_total', one('Transmit drops {{device}}', REAL_NETWORK)),
    ],
  }),
  chart({
    title: 'Link lost or found',
    help: 'Changes of the link per second. Any that nobody made by hand: cable, socket or switch.',
    unit: 'ops',
    min: 0,
    queries: [rate('node_network_carrier_changes_total', one('{{device}}', REAL_NETWORK))],
  }),
  chart({
    title: 'TCP connections',
    help: 'Established ones, and those in their last minute.',
    unit: 'short',
    min: 0,
    queries: [
      gauge('node_netstat_Tcp_CurrEstab', one('Established')),
      gauge('node_sockstat_TCP_tw', one('Ending')),
    ],
  }),
  chart({
    title: 'TCP sent again',
    help: 'Share of the segments that had to be repeated. Above 1 %: packets are lost on the way.',
    unit: 'percentunit',
    min: 0,
    scale: rising(0.01, 0.05),
    queries: [rateShare('node_netstat_Tcp_RetransSegs', 'node_netstat_Tcp_OutSegs', one('Repeated'))],
  }),
  chart({
    title: 'Connections refused for lack of room',
    help: 'Per second: queues of listening sockets that overflow. A server accepts too slowly.',
    unit: 'ops',
    min: 0,
    scale: rising(0.1, 1),
    queries: [
      rate('node_netstat_TcpExt_ListenOverflows', one('Overflows')),
      rate('node_netstat_TcpExt_ListenDrops', one('Drops')),
    ],
  }),
  chart({
    title: 'Sockets',
    help: 'Sockets in use. Growing without more work: a program does not close what it opens.',
    unit: 'short',
    min: 0,
    queries: [
      gauge('node_sockstat_sockets_used', one('All')),
      gauge('node_sockstat_TCP_inuse', one('TCP')),
      gauge('node_sockstat_UDP_inuse', one('UDP')),
    ],
  }),
  chart({
    title: 'Connection tracking',
    help: 'Share of the table of tracked connections that is used. Full: new connections are dropped; enlarge nf_conntrack_max. Empty where nothing is tracked.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    scale: rising(0.8, 0.95),
    queries: [share('node_nf_conntrack_entries', 'node_nf_conntrack_entries_limit', one('Used'))],
  }),
];

const PRESSURE = [
  chart({
    title: 'Waiting for a processor (PSI)',
    help: 'Share of the time that some task was ready and had none. Needs Linux 4.20 with PSI.',
    unit: 'percentunit',
    min: 0,
    scale: WAITING,
    queries: [rate('node_pressure_cpu_waiting_seconds_total', one('Some'))],
  }),
  chart({
    title: 'Waiting for memory (PSI)',
    help: 'Share of the time that some, or all, tasks waited for memory. All above 5 %: the host is close to standing still.',
    unit: 'percentunit',
    min: 0,
    scale: WAITING,
    queries: [
      rate('node_pressure_memory_waiting_seconds_total', one('Some')),
      rate('node_pressure_memory_stalled_seconds_total', one('All')),
    ],
  }),
  chart({
    title: 'Waiting for a disk (PSI)',
    help: 'Share of the time that some, or all, tasks waited for a disk.',
    unit: 'percentunit',
    min: 0,
    scale: WAITING,
    queries: [
      rate('node_pressure_io_waiting_seconds_total', one('Some')),
      rate('node_pressure_io_stalled_seconds_total', one('All')),
    ],
  }),
];

const SERVICES = [
  table({
    title: 'Units that have failed',
    help: 'Any line: `journalctl -u NAME` says why; `systemctl reset-failed` forgets it. Empty when none has, and without systemd.',
    width: 8,
    height: 8,
    labels: { name: 'Unit' },
    sortBy: 'Unit',
    columns: [
      {
        title: 'Failed',
        unit: 'none',
        texts: { '1': ['failed', 'red'] },
        query: written('', `max by (name) (node_systemd_unit_state{${HOST},state="failed"} == 1)`),
      },
    ],
  }),
  chart({
    title: 'Units',
    help: 'Units of systemd by state.',
    unit: 'short',
    min: 0,
    queries: [gauge('node_systemd_units', one('{{state}}'))],
  }),
  chart({
    title: 'Processes by state',
    help: 'D is waiting for a disk, Z has ended and nobody has asked for it: many Z, and their parent has a fault.',
    unit: 'short',
    min: 0,
    isStacked: true,
    queries: [gauge('node_processes_state', one('{{state}}'))],
  }),
  chart({
    title: 'Processes and threads',
    help: 'How many there are. Near the limit nothing can be started any more.',
    unit: 'short',
    min: 0,
    queries: [
      gauge('node_processes_pids', one('Processes')),
      gauge('node_processes_threads', one('Threads')),
    ],
  }),
  chart({
    title: 'New processes',
    help: 'Started per second. Very many: a script in a loop.',
    unit: 'ops',
    min: 0,
    queries: [rate('node_forks_total', one('Started'))],
  }),
  chart({
    title: 'Open files',
    help: 'Share of the open files that the kernel allows. Full: programs fail with "too many open files".',
    unit: 'percentunit',
    min: 0,
    scale: rising(0.8, 0.95),
    queries: [share('node_filefd_allocated', 'node_filefd_maximum', one('Open'))],
  }),
];

const HARDWARE = [
  note({
    title: 'About hardware',
    help: 'Which sensors there are depends on the machine.',
    height: 2,
    text: 'Virtual machines have no sensors: empty panels here mean that the machine tells nothing, not that all is well.',
  }),
  chart({
    title: 'Temperature',
    help: 'Sensors of the chips. Red from 85 °C on: dust, a fan, or the room.',
    unit: 'celsius',
    scale: rising(75, 85),
    queries: [gauge('node_hwmon_temp_celsius', one('{{chip}} {{sensor}}'))],
  }),
  chart({
    title: 'Thermal zones',
    help: 'Temperature as the kernel steers by.',
    unit: 'celsius',
    scale: rising(75, 85),
    queries: [gauge('node_thermal_zone_temp', one('{{type}} {{zone}}'))],
  }),
  chart({
    title: 'Fans',
    help: 'Turns per minute. Nought beside a high temperature: the fan is broken.',
    unit: 'rotrpm',
    min: 0,
    queries: [gauge('node_hwmon_fan_rpm', one('{{chip}} {{sensor}}'))],
  }),
  chart({
    title: 'Power',
    help: 'What sensors of the machine measure.',
    unit: 'watt',
    min: 0,
    queries: [gauge('node_hwmon_power_watt', one('{{chip}} {{sensor}}'))],
  }),
  chart({
    title: 'Battery',
    help: 'Charge in per cent; of an uninterruptible supply too, where the kernel knows it.',
    unit: 'percent',
    min: 0,
    max: 100,
    scale: falling(20, 40),
    queries: [gauge('node_power_supply_capacity', one('{{power_supply}}'))],
  }),
  chart({
    title: 'Memory errors',
    help: 'Per second. Corrected ones that go on: plan to replace the module; uncorrected ones: now.',
    unit: 'ops',
    min: 0,
    queries: [
      rate('node_edac_correctable_errors_total', one('Corrected {{controller}}')),
      rate('node_edac_uncorrectable_errors_total', one('Not corrected {{controller}}')),
    ],
  }),
  chart({
    title: 'Slowed down by heat',
    help: 'How often per second a core was slowed down. Any under normal load: cooling.',
    unit: 'ops',
    min: 0,
    queries: [rate('node_cpu_core_throttles_total', one('Package {{package}} core {{core}}'))],
  }),
];

const AGENT = [
  chart({
    title: 'Readings missed',
    help: 'Readings per second that were due and not taken. overrun: the host is too busy; suspended: it slept; no_storage: disk and memory for waiting readings are full.',
    unit: 'ops',
    min: 0,
    queries: [rate('rollcall_agent_ticks_missed_total', one('{{reason}}'))],
  }),
  chart({
    title: 'Readings waiting',
    help: 'Records that the collector has not acknowledged. Growing: the connection is cut or too slow.',
    unit: 'short',
    min: 0,
    queries: [gauge('rollcall_spool_records', one('Waiting'))],
  }),
  chart({
    title: 'Samples lost',
    help: 'Samples per second that had to make way before they were delivered. Any: enlarge spool-size of the agent.',
    unit: 'ops',
    min: 0,
    scale: rising(0.001, 1),
    queries: [rate('rollcall_spool_samples_dropped_total', one('Lost'))],
  }),
  chart({
    title: 'Time of each sampler',
    help: 'How long the slowest parts of a reading take. Seconds: a file system or a program does not answer.',
    unit: 's',
    min: 0,
    queries: [gauge('node_scrape_collector_duration_seconds', one('{{collector}}'))],
  }),
  chart({
    title: 'CPU of the agent',
    help: 'Share of one processor.',
    unit: 'percentunit',
    min: 0,
    queries: [rate('process_cpu_seconds_total', one('CPU'))],
  }),
  chart({
    title: 'Memory of the agent',
    help: 'Physical memory that it takes. Growing for days: report it.',
    unit: 'bytes',
    min: 0,
    queries: [gauge('process_resident_memory_bytes', one('Memory'))],
  }),
];

export const HOST_BOARD: Board = {
  slug: 'host',
  title: 'Host',
  help: 'One host: whether it is all right, and everything that its agent reads. Sections below the second are folded.',
  from: 'now-1h',
  refresh: '30s',
  choices: [JOB, HOST_CHOICE],
  marks: [alertMarks('instance="$host"'), restartMarks(HOST), kernelMarks(HOST), agentMarks(HOST)],
  sections: [
    { title: 'Is this host all right?', isOpen: true, panels: ALL_RIGHT },
    { title: 'Processor, memory, network, disks', isOpen: true, panels: OVERVIEW },
    { title: 'Processors', isOpen: false, panels: PROCESSORS },
    { title: 'Memory', isOpen: false, panels: MEMORY },
    { title: 'Disks', isOpen: false, panels: DISKS },
    { title: 'File systems', isOpen: false, panels: FILE_SYSTEMS },
    { title: 'Network', isOpen: false, panels: NETWORK },
    { title: 'Pressure', isOpen: false, panels: PRESSURE },
    { title: 'Services and processes', isOpen: false, panels: SERVICES },
    { title: 'Hardware', isOpen: false, panels: HARDWARE },
    { title: 'Agent', isOpen: false, panels: AGENT },
  ],
};
