/** Rows of the kernel's own bookkeeping: paging, pressure, scheduling, processes, files, clocks. node_exporter's names. */
import { counter, facts, gauge, US_SCALE } from './definition.ts';

/** Decimals of times counted in nanoseconds. */
const NS_SCALE = 9;

/** A count of /proc/vmstat, which node_exporter names as the kernel does. */
function paging(help: string) {
  return counter({ unit: 'count', labels: [], scale: 0, help });
}

function pressure(help: string) {
  return counter({ unit: 'seconds', labels: [], scale: US_SCALE, help });
}

function count<const Labels extends readonly string[]>(labels: Labels, help: string) {
  return gauge({ unit: 'count', labels, scale: 0, help });
}

function schedule(help: string) {
  return counter({ unit: 'seconds', labels: ['cpu'], scale: NS_SCALE, help });
}

export const KERNEL_METRICS = {
  node_vmstat_oom_kill: paging('Processes that the kernel killed for lack of memory.'),
  node_vmstat_pgfault: paging('Page faults.'),
  node_vmstat_pgmajfault: paging('Page faults that had to read from a disk.'),
  node_vmstat_pgpgin: paging('KiB read from disks.'),
  node_vmstat_pgpgout: paging('KiB written to disks.'),
  node_vmstat_pswpin: paging('Pages read from swap.'),
  node_vmstat_pswpout: paging('Pages written to swap.'),

  node_pressure_cpu_waiting_seconds_total: pressure('Time during which some task waited for a processor.'),
  node_pressure_io_waiting_seconds_total: pressure('Time during which some task waited for input or output.'),
  node_pressure_io_stalled_seconds_total: pressure('Time during which all tasks waited for input or output.'),
  node_pressure_memory_waiting_seconds_total: pressure('Time during which some task waited for memory.'),
  node_pressure_memory_stalled_seconds_total: pressure('Time during which all tasks waited for memory.'),
  node_pressure_irq_stalled_seconds_total: pressure('Time during which all tasks waited for interrupts.'),

  node_schedstat_running_seconds_total: schedule('Time that tasks ran on the processor.'),
  node_schedstat_waiting_seconds_total: schedule('Time that tasks waited for the processor.'),
  node_schedstat_timeslices_total: counter({
    unit: 'count',
    labels: ['cpu'],
    scale: 0,
    help: 'Slices of time that the processor gave to tasks.',
  }),

  node_processes_pids: count([], 'Processes.'),
  node_processes_threads: count([], 'Threads of all processes.'),
  node_processes_max_processes: count([], 'Process numbers that the kernel hands out.'),
  node_processes_max_threads: count([], 'Threads that the kernel allows.'),
  node_processes_state: count(
    ['state'],
    "Processes by the kernel's letter: R runs, S sleeps, D waits for a device.",
  ),

  node_systemd_unit_state: gauge({
    unit: 'bool',
    labels: ['name', 'state'],
    scale: 0,
    help: '1 for the state that a unit of systemd is in, 0 for the others; as of at most a minute ago.',
  }),
  node_systemd_units: gauge({
    unit: 'count',
    labels: ['state'],
    scale: 0,
    help: 'Units of systemd by state, those included that are not told one by one.',
  }),

  node_filefd_allocated: count([], 'Files that are open on the whole machine.'),
  node_filefd_maximum: count([], 'Files that may be open on the whole machine.'),
  node_entropy_available_bits: count([], 'Bits of entropy that the random number generator holds.'),
  node_entropy_pool_size_bits: count([], 'Bits of entropy that it can hold.'),

  node_selinux_enabled: gauge({ unit: 'bool', labels: [], scale: 0, help: '1 when SELinux is enabled.' }),
  node_selinux_current_mode: gauge({
    unit: 'bool',
    labels: [],
    scale: 0,
    help: '1 when SELinux enforces its rules, 0 when it only logs.',
  }),

  node_time_clocksource_available_info: facts(
    ['clocksource', 'device'],
    'Clocks that the kernel could take its time from.',
  ),
  node_time_clocksource_current_info: facts(
    ['clocksource', 'device'],
    'The clock that the kernel takes its time from.',
  ),
} as const;
