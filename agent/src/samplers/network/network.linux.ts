/**
 * Network counters from /proc/net/dev; state, link, size, speed and numbers from /sys/class/net/<device> (nohandler since
 * Linux 4.6, carrier_up_count since 4.16). Settings such as the address and the size of packets are read once a minute.
 */
import type { MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../../host/host.ts';
import { addSetting, attempt, readFact, readIfPresent, readSetting, type Setting } from '../files.ts';
import { parseInteger } from '../parse.ts';
import type { Readings } from '../readings.ts';
import { remembered } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import {
  isLoopback,
  isSwitchedOn,
  NETWORK_COUNTERS,
  parseFlags,
  parseNetworkDevices,
  parseSpeed,
} from './network.ts';

/** A value with a file of its own below /sys/class/net/<device>; undefined when the file says that there is none. */
interface Attribute {
  readonly metric: MetricWithLabels<1>;
  readonly file: string;
  readonly parse: (bytes: Buffer) => number | undefined;
}

function integer(metric: MetricWithLabels<1>, file: string): Attribute {
  return { metric, file, parse: (bytes) => parseInteger(bytes, `/sys/class/net ${file}`) };
}

/** Those that may differ from tick to tick. */
const COUNTERS: readonly Attribute[] = [
  integer('node_network_receive_nohandler_total', 'statistics/rx_nohandler'),
  integer('node_network_carrier_changes_total', 'carrier_changes'),
  integer('node_network_carrier_up_changes_total', 'carrier_up_count'),
  integer('node_network_carrier_down_changes_total', 'carrier_down_count'),
];

/** Those that only an interface that is switched on has; asking another would be in vain and costs an error each. */
const LINK: readonly Attribute[] = [
  integer('node_network_carrier', 'carrier'),
  integer('node_network_dormant', 'dormant'),
];

const FLAGS: Attribute = { metric: 'node_network_flags', file: 'flags', parse: parseFlags };
const SPEED: Attribute = { metric: 'node_network_speed_bytes', file: 'speed', parse: parseSpeed };

const KIND = 'node_network_protocol_type';
/** Those that somebody sets; they are remembered. */
const SETTINGS: readonly Attribute[] = [
  integer(KIND, 'type'),
  integer('node_network_mtu_bytes', 'mtu'),
  integer('node_network_iface_id', 'ifindex'),
  integer('node_network_iface_link', 'iflink'),
  integer('node_network_iface_link_mode', 'link_mode'),
  integer('node_network_address_assign_type', 'addr_assign_type'),
  integer('node_network_name_assign_type', 'name_assign_type'),
  integer('node_network_net_dev_group', 'netdev_group'),
  integer('node_network_transmit_queue_length', 'tx_queue_len'),
  { metric: 'node_network_device_id', file: 'dev_id', parse: parseFlags },
];

/** What is remembered of a device. */
interface Settings {
  readonly list: readonly Setting[];
  readonly isLoopback: boolean;
  readonly address: string;
  readonly broadcast: string;
  readonly alias: string;
}

interface Source {
  readonly host: Host;
  readonly readings: Readings;
  readonly device: string;
}

export function networkSampler(clock: Clock): Sampler {
  const remembering = remembered(clock, () => new Map<string, Settings>());
  return {
    name: 'network',
    metrics: [
      ...NETWORK_COUNTERS,
      ...[...SETTINGS, ...COUNTERS, ...LINK, FLAGS, SPEED].map(({ metric }) => metric),
      'node_network_up',
      'node_network_info',
    ],
    sample(host, readings) {
      const known = remembering(host);
      for (const { device, counters } of parseNetworkDevices(host.read('/proc/net/dev').toString())) {
        NETWORK_COUNTERS.forEach((metric, i) => readings.add(metric, counters[i] ?? Number.NaN, device));
        const settings = known.get(device) ?? readSettings(host, device);
        if (settings === undefined) continue;
        known.set(device, settings);
        addDevice({ host, readings, device }, settings);
      }
    },
  };
}

/** undefined when /sys does not have the device. */
function readSettings(host: Host, device: string): Settings | undefined {
  if (!host.has(`/sys/class/net/${device}`)) return undefined;
  const fact = (file: string): string => readFact(host, `/sys/class/net/${device}/${file}`);
  const list = SETTINGS.flatMap(
    (setting) => readSetting(host, `/sys/class/net/${device}/${setting.file}`, setting) ?? [],
  );
  return {
    list,
    isLoopback: list.some((each) => each.metric === KIND && 'value' in each && isLoopback(each.value)),
    address: fact('address'),
    broadcast: fact('broadcast'),
    alias: fact('ifalias'),
  };
}

function addDevice(source: Source, settings: Settings): void {
  const { readings, host, device } = source;
  const labels = [device];
  for (const setting of settings.list) addSetting(readings, setting, labels);
  for (const counter of COUNTERS) addAttribute(source, counter);
  const flags = addAttribute(source, FLAGS);
  const isOn = flags === undefined || isSwitchedOn(flags);
  const hasSpeed = isOn && !settings.isLoopback;
  if (isOn) for (const attribute of LINK) addAttribute(source, attribute);
  if (hasSpeed) addAttribute(source, SPEED);
  const state = addState(source);
  if (state === undefined) return;
  const duplex = hasSpeed ? readFact(host, `/sys/class/net/${device}/duplex`) : '';
  const { address, broadcast, alias } = settings;
  readings.addFacts('node_network_info', [address, broadcast, device, duplex, alias, state]);
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
