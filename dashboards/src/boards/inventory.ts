/** What there is and what changed, as far as metrics tell. Software, ports and users are in Rollcall's own page and API. */
import type { Board } from '../board.ts';
import { bars, note, number, PLAIN, table, type Column } from '../panel.ts';
import { gauge, selector, written, type Query } from '../query.ts';
import { agentMarks, FILLABLE, FLEET, JOB, kernelMarks, restartMarks } from './common.ts';

const each = { scope: FLEET, legend: '', by: ['instance'] } as const;

/** A query for the labels of a metric whose value is always 1. */
function facts(metric: string, labels: readonly string[]): Column {
  return {
    title: metric,
    unit: 'none',
    isHidden: true,
    query: gauge(metric, { scope: FLEET, legend: '', by: ['instance', ...labels], over: 'max' }),
  };
}

/** How many different values a label has. */
function kinds(title: string, metric: string, label: string): Query {
  return written(title, `count(count by (${label}) (${selector(metric, FLEET)}))`);
}

/** How many hosts have each value of a label. */
function hostsBy(metric: string, label: string): Query {
  return gauge(metric, { scope: FLEET, legend: `{{${label}}}`, over: 'count' });
}

const THERE = [
  number({
    title: 'Hosts heard of',
    help: 'Hosts that have sent readings lately. Fewer than you own: some have no agent yet.',
    unit: 'none',
    width: 6,
    scale: PLAIN,
    queries: [gauge('node_time_seconds', { scope: FLEET, legend: 'Hosts', over: 'count' })],
  }),
  number({
    title: 'Operating systems',
    help: 'Different versions of operating systems. Fewer are easier to keep safe.',
    unit: 'none',
    width: 6,
    scale: PLAIN,
    queries: [kinds('Versions', 'node_os_info', 'pretty_name')],
  }),
  number({
    title: 'Kernels',
    help: 'Different kernels in use. One more after an update: hosts that were not restarted.',
    unit: 'none',
    width: 6,
    scale: PLAIN,
    queries: [kinds('Kernels', 'node_uname_info', 'release')],
  }),
  number({
    title: 'Versions of the agent',
    help: 'Should be one; more while you update. Only Rollcall has it.',
    unit: 'none',
    width: 6,
    scale: PLAIN,
    queries: [kinds('Versions', 'rollcall_agent_info', 'version')],
  }),
  table({
    title: 'Hosts',
    help: 'Each host with its system and size. Software, services, ports, users and serial numbers are in Rollcall: follow the link of "In Rollcall".',
    height: 14,
    labels: {
      instance: 'Host',
      pretty_name: 'System',
      release: 'Kernel',
      machine: 'Architecture',
      version: 'Agent',
      host_id: 'In Rollcall',
    },
    links: { host_id: { title: 'Open in Rollcall', url: '${rollcall}/hosts/${__value.raw}' } },
    sortBy: 'Host',
    columns: [
      facts('node_os_info', ['pretty_name']),
      facts('node_uname_info', ['release', 'machine']),
      facts('rollcall_agent_info', ['version']),
      {
        title: 'Known to the collector',
        unit: 'none',
        isHidden: true,
        query: gauge('rollcall_host_info', {
          scope: FLEET,
          legend: '',
          by: ['instance', 'host_id'],
          over: 'max',
          labels: ['host_id', 'presence'],
        }),
      },
      {
        title: 'Processors',
        unit: 'none',
        query: gauge('node_cpu_seconds_total', { ...each, where: 'mode="idle"', over: 'count' }),
      },
      {
        title: 'Memory',
        unit: 'bytes',
        query: gauge('node_memory_MemTotal_bytes', { ...each, over: 'max' }),
      },
      {
        title: 'Disk space',
        unit: 'bytes',
        query: gauge('node_filesystem_size_bytes', { ...each, where: FILLABLE, over: 'sum' }),
      },
      {
        title: 'Started',
        unit: 'dateTimeAsIso',
        query: gauge('node_boot_time_seconds', {
          ...each,
          over: 'max',
          map: (seconds) => `${seconds} * 1000`,
        }),
      },
    ],
  }),
  bars({
    title: 'Hosts by system',
    help: 'How many hosts run each version. Those that are no longer supported by their maker need a date.',
    unit: 'none',
    width: 8,
    min: 0,
    scale: PLAIN,
    queries: [hostsBy('node_os_info', 'pretty_name')],
  }),
  bars({
    title: 'Hosts by kernel',
    help: 'How many hosts run each kernel.',
    unit: 'none',
    width: 8,
    min: 0,
    scale: PLAIN,
    queries: [hostsBy('node_uname_info', 'release')],
  }),
  bars({
    title: 'Hosts by agent',
    help: 'How many hosts run each version of the agent. Only Rollcall has it.',
    unit: 'none',
    width: 8,
    min: 0,
    scale: PLAIN,
    queries: [hostsBy('rollcall_agent_info', 'version')],
  }),
];

/** Different values of a label in the chosen time, less one. */
function changesOf(metric: string, label: string): Query {
  const seen = `count by (instance, ${label}) (last_over_time(${selector(metric, FLEET)}[$__range]))`;
  return written('', `count by (instance) (${seen}) - 1 > 0`);
}

const CHANGED = [
  note({
    title: 'About changes',
    help: 'What this board can show, and where the rest is.',
    width: 24,
    height: 4,
    text:
      'Blue marks on charts are restarts, purple ones new kernels, yellow ones new agents. **What changed in software, services, ports, ' +
      'users and hardware** is on the page of each host in Rollcall and in its API (`/v1/hosts/ID/changes`, JSON). ' +
      'To show that JSON inside Grafana you need a plugin such as Infinity; none of these boards does.',
  }),
  table({
    title: 'Changes in the chosen time',
    help: 'Hosts that were restarted, run another kernel or agent, or have another size than at the beginning. A change that nobody planned is worth a question.',
    height: 10,
    labels: { instance: 'Host' },
    sortBy: 'Host',
    columns: [
      {
        title: 'Restarts',
        unit: 'none',
        query: written('', `max by (instance) (resets(${selector('node_intr_total', FLEET)}[$__range])) > 0`),
      },
      { title: 'Kernels', unit: 'none', query: changesOf('node_uname_info', 'release') },
      { title: 'Agents', unit: 'none', query: changesOf('rollcall_agent_info', 'version') },
      {
        title: 'Memory',
        unit: 'none',
        query: written(
          '',
          `max by (instance) (changes(${selector('node_memory_MemTotal_bytes', FLEET)}[$__range])) > 0`,
        ),
      },
      {
        title: 'File systems',
        unit: 'none',
        query: written(
          '',
          `sum by (instance) (changes(${selector('node_filesystem_size_bytes', FLEET, FILLABLE)}[$__range])) > 0`,
        ),
      },
    ],
  }),
];

export const INVENTORY_BOARD: Board = {
  slug: 'inventory',
  title: 'Inventory and changes',
  help: 'What there is and what changed, as far as metrics tell; the rest is one click away in Rollcall.',
  from: 'now-7d',
  refresh: '5m',
  choices: [JOB],
  asksForAddress: true,
  marks: [restartMarks(FLEET), kernelMarks(FLEET), agentMarks(FLEET)],
  sections: [
    { title: 'What there is', isOpen: true, panels: THERE },
    { title: 'What changed', isOpen: true, panels: CHANGED },
  ],
};
