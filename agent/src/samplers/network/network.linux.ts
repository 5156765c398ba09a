/**
 * Network counters from /proc/net/dev; state, link, size, speed and numbers from /sys/class/net/<device> (nohandler since
 * Linux 4.6, carrier_up_count since 4.16).
 */
import type { MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import type { Host } from '../../host/host.ts';
import { attempt, readFact, readIfPresent } from '../files.ts';
import { parseInteger } from '../parse.ts';
import type { Readings } from '../readings.ts';
import type { Sampler } from '../sampler.ts';
import {
  isLoopback,
  isSwitchedOn,
  NETWORK_COUNTERS,
  parseFlags,
  parseNetworkDevices,
  parseSpeed,
} from './network.ts';

interface Source {
  readonly host: Host;
  readonly readings: Readings;
  readonly device: string;
}

/** A value with a file of its own below /sys/class/net/<device>; undefined when the file says that there is none. */
interface Attribute {
  readonly metric: MetricWithLabels<1>;
  readonly file: string;
  readonly parse: (bytes: Buffer) => number | undefined;
}

function integer(metric: MetricWithLabels<1>, file: string): Attribute {
  return { metric, file, parse: (bytes) => parseInteger(bytes, `/sys/class/net ${file}`) };
}

/** Those that every interface has. */
const ATTRIBUTES: readonly Attribute[] = [
  integer('node_network_mtu_bytes', 'mtu'),
  integer('node_network_receive_nohandler_total', 'statistics/rx_nohandler'),
  integer('node_network_carrier_changes_total', 'carrier_changes'),
  integer('node_network_carrier_up_changes_total', 'carrier_up_count'),
  integer('node_network_carrier_down_changes_total', 'carrier_down_count'),
  integer('node_network_iface_id', 'ifindex'),
  integer('node_network_iface_link', 'iflink'),
  integer('node_network_iface_link_mode', 'link_mode'),
  integer('node_network_address_assign_type', 'addr_assign_type'),
  integer('node_network_name_assign_type', 'name_assign_type'),
  integer('node_network_net_dev_group', 'netdev_group'),
  integer('node_network_transmit_queue_length', 'tx_queue_len'),
  { metric: 'node_network_device_id', file: 'dev_id', parse: parseFlags },
];

/** Those that only an interface that is switched on has; asking another would be in vain and costs an error each. */
const LINK_ATTRIBUTES: readonly Attribute[] = [
  integer('node_network_carrier', 'carrier'),
  integer('node_network_dormant', 'dormant'),
];

const FLAGS = 'node_network_flags';
const KIND = integer('node_network_protocol_type', 'type');
const SPEED: Attribute = { metric: 'node_network_speed_bytes', file: 'speed', parse: parseSpeed };

export const networkSampler: Sampler = {
  name: 'network',
  metrics: [
    ...NETWORK_COUNTERS,
    ...[...ATTRIBUTES, ...LINK_ATTRIBUTES, KIND, SPEED].map(({ metric }) => metric),
    FLAGS,
    'node_network_up',
    'node_network_info',
  ],
  sample(host, readings) {
    for (const { device, counters } of parseNetworkDevices(host.read('/proc/net/dev').toString())) {
      NETWORK_COUNTERS.forEach((metric, i) => readings.add(metric, counters[i] ?? Number.NaN, device));
      if (host.has(`/sys/class/net/${device}`)) addDevice(host, readings, device);
    }
  },
};

function addDevice(host: Host, readings: Readings, device: string): void {
  const source = { host, readings, device };
  const flags = addAttribute(source, { metric: FLAGS, file: 'flags', parse: parseFlags });
  const kind = addAttribute(source, KIND);
  for (const attribute of ATTRIBUTES) addAttribute(source, attribute);
  const isOn = flags === undefined || isSwitchedOn(flags);
  const hasSpeed = isOn && !(kind !== undefined && isLoopback(kind));
  if (isOn) for (const attribute of LINK_ATTRIBUTES) addAttribute(source, attribute);
  if (hasSpeed) addAttribute(source, SPEED);
  const state = addState(source);
  if (state === undefined) return;
  const fact = (file: string): string => readFact(host, `/sys/class/net/${device}/${file}`);
  readings.addFacts('node_network_info', [
    fact('address'),
    fact('broadcast'),
    device,
    hasSpeed ? fact('duplex') : '',
    fact('ifalias'),
    state,
  ]);
}

/** The operational state in the words of RFC 2863; undefined when it could not be read. */
function addState({ host, readings, device }: Source): string | undefined {
  let state: string | undefined;
  attempt(readings, ['node_network_up'], [device], () => {
    state = readIfPresent(host, `/sys/class/net/${device}/operstate`)?.toString().trim();
    if (state !== undefined) readings.add('node_network_up', state === 'up' ? 1 : 0, device);
  });
  return state;
}

/** Adds nothing when the device has no such value. */
function addAttribute(
  { host, readings, device }: Source,
  { metric, file, parse }: Attribute,
): number | undefined {
  let value: number | undefined;
  attempt(readings, [metric], [device], () => {
    const bytes = readIfPresent(host, `/sys/class/net/${device}/${file}`);
    value = bytes === undefined ? undefined : parse(bytes);
    if (value !== undefined) readings.add(metric, value, device);
  });
  return value;
}
