/** Rows of the machine except memory: processors, load, file systems, disks, network, identity. node_exporter's names. */
import { counter, facts, gauge, JIFFIES_SCALE, MS_SCALE } from './definition.ts';

/** A kernel count that never falls while the machine runs. */
function count<const Labels extends readonly string[]>(labels: Labels, help: string) {
  return counter({ unit: 'count', labels, scale: 0, help });
}

function load(help: string) {
  return gauge({ unit: 'count', labels: [], scale: 2, help });
}

const FILESYSTEM_LABELS = ['device', 'fstype', 'mountpoint'] as const;

function filesystem(unit: string, help: string) {
  return gauge({ unit, labels: FILESYSTEM_LABELS, scale: 0, help });
}

function diskCount(help: string) {
  return count(['device'], help);
}

function diskSeconds(help: string) {
  return counter({ unit: 'seconds', labels: ['device'], scale: MS_SCALE, help });
}

function diskBytes(help: string) {
  return counter({ unit: 'bytes', labels: ['device'], scale: 0, help });
}

function networkCount(help: string) {
  return count(['device'], help);
}

function networkBytes(help: string) {
  return counter({ unit: 'bytes', labels: ['device'], scale: 0, help });
}

function networkGauge(unit: string, help: string) {
  return gauge({ unit, labels: ['device'], scale: 0, help });
}

export const SYSTEM_METRICS = {
  node_cpu_seconds_total: counter({
    unit: 'seconds',
    labels: ['cpu', 'mode'],
    scale: JIFFIES_SCALE,
    help: 'Time that each processor spent in each mode.',
  }),
  node_cpu_guest_seconds_total: counter({
    unit: 'seconds',
    labels: ['cpu', 'mode'],
    scale: JIFFIES_SCALE,
    help: 'Time that each processor spent running virtual machines; also part of the modes user and nice.',
  }),

  node_load1: load('Average number of tasks that run or wait, over 1 minute.'),
  node_load5: load('Average number of tasks that run or wait, over 5 minutes.'),
  node_load15: load('Average number of tasks that run or wait, over 15 minutes.'),

  node_filesystem_size_bytes: filesystem('bytes', 'Size of the file system.'),
  node_filesystem_free_bytes: filesystem('bytes', 'Free space, the part reserved for root included.'),
  node_filesystem_avail_bytes: filesystem('bytes', 'Free space that ordinary users can fill.'),
  node_filesystem_files: filesystem('count', 'Files (inodes) that the file system can hold.'),
  node_filesystem_files_free: filesystem('count', 'Files (inodes) that can still be created.'),
  node_filesystem_readonly: filesystem('bool', '1 when the file system is mounted read-only.'),
  node_filesystem_device_error: filesystem('bool', '1 when the file system did not tell its size.'),

  node_disk_reads_completed_total: diskCount('Reads that finished.'),
  node_disk_reads_merged_total: diskCount(
    'Reads joined with a neighbouring one before they reached the disk.',
  ),
  node_disk_read_bytes_total: diskBytes('Bytes read.'),
  node_disk_read_time_seconds_total: diskSeconds('Time spent by all reads together.'),
  node_disk_writes_completed_total: diskCount('Writes that finished.'),
  node_disk_writes_merged_total: diskCount(
    'Writes joined with a neighbouring one before they reached the disk.',
  ),
  node_disk_written_bytes_total: diskBytes('Bytes written.'),
  node_disk_write_time_seconds_total: diskSeconds('Time spent by all writes together.'),
  node_disk_io_now: gauge({
    unit: 'count',
    labels: ['device'],
    scale: 0,
    help: 'Reads and writes under way.',
  }),
  node_disk_io_time_seconds_total: diskSeconds('Time during which the disk had something to do.'),
  node_disk_io_time_weighted_seconds_total: diskSeconds(
    'Time during which the disk had something to do, times the requests under way.',
  ),
  node_disk_discards_completed_total: diskCount('Discards (trim) that finished.'),
  node_disk_discards_merged_total: diskCount('Discards joined with a neighbouring one.'),
  node_disk_discarded_sectors_total: diskCount('Sectors of 512 bytes discarded.'),
  node_disk_discard_time_seconds_total: diskSeconds('Time spent by all discards together.'),
  node_disk_flush_requests_total: diskCount('Flushes of the disk cache that finished.'),
  node_disk_flush_requests_time_seconds_total: diskSeconds('Time spent by all flushes together.'),

  node_network_receive_bytes_total: networkBytes('Bytes received.'),
  node_network_receive_packets_total: networkCount('Packets received.'),
  node_network_receive_errs_total: networkCount('Bad packets received.'),
  node_network_receive_drop_total: networkCount('Received packets dropped for lack of room.'),
  node_network_receive_fifo_total: networkCount('Overruns of the receive buffer of the device.'),
  node_network_receive_frame_total: networkCount(
    'Received packets with a length, checksum or alignment error.',
  ),
  node_network_receive_compressed_total: networkCount('Compressed packets received.'),
  node_network_receive_multicast_total: networkCount('Multicast packets received.'),
  node_network_receive_nohandler_total: networkCount('Received packets that no protocol wanted.'),
  node_network_transmit_bytes_total: networkBytes('Bytes sent.'),
  node_network_transmit_packets_total: networkCount('Packets sent.'),
  node_network_transmit_errs_total: networkCount('Packets that could not be sent.'),
  node_network_transmit_drop_total: networkCount('Packets dropped instead of sent.'),
  node_network_transmit_fifo_total: networkCount('Underruns of the send buffer of the device.'),
  node_network_transmit_colls_total: networkCount('Collisions while sending.'),
  node_network_transmit_carrier_total: networkCount(
    'Sends that failed because the link was lost or aborted.',
  ),
  node_network_transmit_compressed_total: networkCount('Compressed packets sent.'),
  node_network_up: networkGauge('bool', '1 when the operational state of the interface is up.'),
  node_network_carrier: networkGauge('bool', '1 when the interface has a link.'),
  node_network_carrier_changes_total: networkCount('Times that the link came or went.'),
  node_network_carrier_up_changes_total: networkCount('Times that the link came.'),
  node_network_carrier_down_changes_total: networkCount('Times that the link went.'),
  node_network_dormant: networkGauge('bool', '1 when the interface waits for an event, such as a login.'),
  node_network_flags: networkGauge('count', "The kernel's flags of the interface as a number."),
  node_network_iface_id: networkGauge('count', 'Number of the interface.'),
  node_network_iface_link: networkGauge('count', 'Number of the interface below it.'),
  node_network_iface_link_mode: networkGauge('count', 'Link mode: 0 default, 1 dormant.'),
  node_network_address_assign_type: networkGauge(
    'count',
    'Where the address comes from: 0 hardware, 1 random, 2 another device, 3 set.',
  ),
  node_network_name_assign_type: networkGauge(
    'count',
    'Where the name comes from: 1 kernel, 2 predictable, 3 user, 4 renamed.',
  ),
  node_network_device_id: networkGauge('count', 'Tells apart devices that share an address.'),
  node_network_net_dev_group: networkGauge('count', 'Group that the interface is in.'),
  node_network_protocol_type: networkGauge('count', 'Kind of link layer, such as 1 for Ethernet.'),
  node_network_transmit_queue_length: networkGauge('count', 'Packets that may wait to be sent.'),
  node_network_info: facts(
    ['address', 'broadcast', 'device', 'duplex', 'ifalias', 'operstate'],
    'Addresses, state and description of the interface.',
  ),
  node_network_mtu_bytes: networkGauge('bytes', 'Largest packet that the interface sends in one piece.'),
  node_network_speed_bytes: networkGauge(
    'bytes',
    'Speed of the link in bytes per second; absent when unknown.',
  ),

  node_context_switches_total: count([], 'Switches from one task to another.'),
  node_forks_total: count([], 'Processes and threads created.'),
  node_intr_total: count([], 'Interrupts served.'),
  node_procs_running: gauge({ unit: 'count', labels: [], scale: 0, help: 'Tasks that run or could run.' }),
  node_procs_blocked: gauge({
    unit: 'count',
    labels: [],
    scale: 0,
    help: 'Tasks that wait for a disk or another device.',
  }),
  node_boot_time_seconds: gauge({
    unit: 'seconds',
    labels: [],
    scale: 0,
    help: 'When the machine was started, in seconds since 1970.',
  }),
  node_time_seconds: gauge({
    unit: 'seconds',
    labels: [],
    scale: MS_SCALE,
    help: "The machine's own clock, in seconds since 1970.",
  }),
  node_uname_info: facts(
    ['domainname', 'machine', 'nodename', 'release', 'sysname', 'version'],
    'Kernel, architecture and host name as uname(2) tells them.',
  ),
  node_os_info: facts(
    [
      'build_id',
      'id',
      'id_like',
      'image_id',
      'image_version',
      'name',
      'pretty_name',
      'variant',
      'variant_id',
      'version',
      'version_codename',
      'version_id',
    ],
    'Operating system as os-release(5) tells it.',
  ),
  node_os_version: gauge({
    unit: 'version',
    labels: ['id', 'id_like', 'name'],
    scale: 2,
    help: 'Major and minor version of the operating system as a decimal number.',
  }),
} as const;
