/**
 * State, link, size, speed and numbers of network devices from /sys/class/net/<device> (nohandler since Linux 4.6,
 * carrier_up_count since 4.16). Every file of /sys costs a call, and some ask the driver, so as few as possible are read
 * each time: settings such as the address every five minutes, and what belongs to the link when the link changed or with
 * them. Which devices there are says /proc/net/dev; of very many only the first ones are told.
 */
import type { MetricWithLabels } from '@rollcall/shared/catalogue/metrics.ts';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import type { Host } from '../../host/host.ts';
import { addSetting, attempt, readFact, readIfPresent, readSetting, type Setting } from '../files.ts';
import { parseInteger } from '../parse.ts';
import type { Readings } from '../readings.ts';
import { remembered, REMEMBER_DEAR_MS } from '../remembered.ts';
import type { Sampler } from '../sampler.ts';
import { DETAILED_DEVICES_MAX, parseNetworkDevices } from '../network/network.ts';
import { isLoopback, isSwitchedOn, parseFlags, parseSpeed } from './link.ts';

/** A value with a file of its own below /sys/class/net/<device>; undefined when the file says that there is none. */
interface Attribute {
  readonly metric: MetricWithLabels<1>;
  readonly file: string;
  readonly parse: (bytes: Buffer) => number | undefined;
}

function integer(metric: MetricWithLabels<1>, file: string): Attribute {
  return { metric, file, parse: (bytes) => parseInteger(bytes, `/sys/class/net ${file}`) };
}

/** Grows with the packets that come in. */
const NOHANDLER = integer('node_network_receive_nohandler_total', 'statistics/rx_nohandler');
/** Grows whenever the link comes or goes, so what belongs to the link stays as it is while this and the state do. */
const CHANGES = integer('node_network_carrier_changes_total', 'carrier_changes');

/** Those that change with the link only. */
const LINK: readonly Attribute[] = [
  integer('node_network_carrier_up_changes_total', 'carrier_up_count'),
  integer('node_network_carrier_down_changes_total', 'carrier_down_count'),
];
/** Of those, the ones that only an interface that is switched on has; asking another costs an error each. */
const LINK_WHEN_ON: readonly Attribute[] = [
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
interface Device {
  readonly folder: string;
  /** The only label of most metrics, as a list. */
  readonly labels: readonly [device: string];
  readonly settings: readonly Setting[];
  readonly isLoopback: boolean;
  readonly address: string;
  readonly broadcast: string;
  readonly alias: string;
  link: Link | undefined;
}

/** What is remembered while the link stays as it is. */
interface Link {
  readonly changes: number | undefined;
  readonly flags: number | undefined;
  readonly state: string | undefined;
  readonly list: readonly Setting[];
  /** Labels of `node_network_info`; undefined when the state is not known. */
  readonly facts: readonly string[] | undefined;
}

interface Source {
  readonly host: Host;
  readonly readings: Readings;
}

export function linkSampler(clock: Clock): Sampler {
  const remembering = remembered(clock, () => new Map<string, Device>(), { keepMs: REMEMBER_DEAR_MS });
  return {
    name: 'link',
    metrics: [
      ...[...SETTINGS, ...LINK, ...LINK_WHEN_ON, NOHANDLER, CHANGES, FLAGS, SPEED].map(
        ({ metric }) => metric,
      ),
      'node_network_up',
      'node_network_info',
    ],
    sample(host, readings) {
      const known = remembering(host);
      const devices = parseNetworkDevices(host.read('/proc/net/dev').toString());
      for (const { device } of devices.slice(0, DETAILED_DEVICES_MAX)) {
        const found = known.get(device) ?? readDevice(host, device);
        if (found === undefined) continue;
        known.set(device, found);
        addDevice({ host, readings }, found);
      }
      if (known.size > devices.length) forgetOthers(known, devices);
    },
  };
}

/** A device that comes back under its name may be another one. */
function forgetOthers(known: Map<string, Device>, devices: readonly { readonly device: string }[]): void {
  const listed = new Set(devices.map(({ device }) => device));
  for (const device of known.keys()) if (!listed.has(device)) known.delete(device);
}

/** undefined when /sys does not have the device. */
function readDevice(host: Host, device: string): Device | undefined {
  const folder = `/sys/class/net/${device}`;
  if (!host.has(folder)) return undefined;
  const settings = readSettings(host, folder, SETTINGS);
  return {
    folder,
    labels: [device],
    settings,
    isLoopback: settings.some((each) => each.metric === KIND && 'value' in each && isLoopback(each.value)),
    address: readFact(host, `${folder}/address`),
    broadcast: readFact(host, `${folder}/broadcast`),
    alias: readFact(host, `${folder}/ifalias`),
    link: undefined,
  };
}

function readSettings(host: Host, folder: string, attributes: readonly Attribute[]): Setting[] {
  return attributes.flatMap((attribute) => readSetting(host, `${folder}/${attribute.file}`, attribute) ?? []);
}

function addDevice(source: Source, device: Device): void {
  const { readings } = source;
  const { labels } = device;
  for (const setting of device.settings) addSetting(readings, setting, labels);
  addAttribute(source, device, NOHANDLER);
  const changes = addAttribute(source, device, CHANGES);
  const flags = addAttribute(source, device, FLAGS);
  const state = addState(source, device);
  let { link } = device;
  if (link?.changes !== changes || link?.flags !== flags || link?.state !== state) link = undefined;
  link ??= readLink(source.host, device, { changes, flags, state });
  device.link = link;
  for (const each of link.list) addSetting(readings, each, labels);
  if (link.facts !== undefined) readings.addFacts('node_network_info', link.facts);
}

function readLink(host: Host, device: Device, now: Pick<Link, 'changes' | 'flags' | 'state'>): Link {
  const { folder } = device;
  const isOn = now.flags === undefined || isSwitchedOn(now.flags);
  const hasSpeed = isOn && !device.isLoopback;
  const attributes = [...LINK, ...(isOn ? LINK_WHEN_ON : []), ...(hasSpeed ? [SPEED] : [])];
  const duplex = hasSpeed ? readFact(host, `${folder}/duplex`) : '';
  const { address, broadcast, alias, labels } = device;
  const facts =
    now.state === undefined ? undefined : [address, broadcast, labels[0], duplex, alias, now.state];
  return { ...now, list: readSettings(host, folder, attributes), facts };
}

/** The operational state in the words of RFC 2863; undefined when it could not be read. */
function addState({ host, readings }: Source, { folder, labels }: Device): string | undefined {
  let state: string | undefined;
  attempt(readings, ['node_network_up'], labels, () => {
    state = readIfPresent(host, `${folder}/operstate`)?.toString('latin1').trim();
    if (state !== undefined) readings.add('node_network_up', state === 'up' ? 1 : 0, labels[0]);
  });
  return state;
}

/** Adds nothing when the device has no such value. */
function addAttribute(
  { host, readings }: Source,
  { folder, labels }: Device,
  { metric, file, parse }: Attribute,
): number | undefined {
  let value: number | undefined;
  attempt(readings, [metric], labels, () => {
    const bytes = readIfPresent(host, `${folder}/${file}`);
    value = bytes === undefined ? undefined : parse(bytes);
    if (value !== undefined) readings.add(metric, value, labels[0]);
  });
  return value;
}
