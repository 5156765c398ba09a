/** All hosts at once: which are not well, and which are the busiest. */
import type { Board } from '../board.ts';
import { chart, falling, NONE_WANTED, number, PLAIN, rising, table, timeline } from '../panel.ts';
import { gauge, share, top, written } from '../query.ts';
import {
  alertMarks,
  cpuBusy,
  diskBusy,
  failedUnits,
  FLEET,
  fullestFilesystem,
  JOB,
  memoryUsed,
  networkBits,
  restartMarks,
  uptime,
} from './common.ts';

const all = (legend: string, where = '') => ({ scope: FLEET, legend, where });
/** For a table with one line per host. */
const each = { scope: FLEET, legend: '', by: ['instance'] } as const;
const TOP = 10;

const NOW = [
  number({
    title: 'Hosts that report',
    help: 'Hosts whose agent reports now. No judgement; compare it with the number that you have.',
    unit: 'none',
    scale: PLAIN,
    queries: [gauge('up', { ...all('Hosts'), over: 'sum' })],
  }),
  number({
    title: 'Hosts that do not report',
    help: 'Red: the table below names them at its top. The host, its network or its agent has stopped.',
    unit: 'none',
    scale: NONE_WANTED,
    queries: [gauge('up', { ...all('Hosts'), over: 'sum', each: (up) => `1 - ${up}` })],
  }),
  number({
    title: 'Alerts that fire',
    help: 'Red: open the board of alerts; each says what to do.',
    unit: 'none',
    scale: NONE_WANTED,
    queries: [
      written(
        'Alerts',
        'count(ALERTS{alertstate="firing"}) or vector(0)',
        gauge('ALERTS', {
          scope: 'alertstate="firing"',
          legend: 'Alerts',
          over: 'count',
          labels: ['alertname', 'severity'],
        }).influxql,
      ),
    ],
  }),
  number({
    title: 'Units that have failed',
    help: 'Units of systemd on all hosts. Red: sort the table below by its column.',
    unit: 'none',
    scale: NONE_WANTED,
    queries: [failedUnits(all('Failed'))],
  }),
  number({
    title: 'Fullest file system',
    help: 'Of all hosts. Red: sort the table below by "Fullest disk".',
    unit: 'percentunit',
    scale: rising(0.85, 0.95),
    queries: [fullestFilesystem(all('Fullest'))],
  }),
  number({
    title: 'Processors in use',
    help: 'Share of all processors of all hosts.',
    unit: 'percentunit',
    scale: rising(0.7, 0.9),
    queries: [cpuBusy(all('In use'))],
  }),
  table({
    title: 'Hosts',
    help: 'One line a host; click its name for all of it. Red bars: 95 % and more. A host that does not report has old or no values.',
    height: 14,
    labels: { instance: 'Host' },
    sortBy: 'Reports',
    columns: [
      {
        title: 'Reports',
        unit: 'none',
        scale: falling(1, 1),
        texts: { '0': ['no', 'red'], '1': ['yes', 'green'] },
        query: gauge('up', { ...each, over: 'max' }),
      },
      { title: 'CPU', unit: 'percentunit', scale: rising(0.85, 0.95), barMax: 1, query: cpuBusy(each) },
      { title: 'Memory', unit: 'percentunit', scale: rising(0.85, 0.95), barMax: 1, query: memoryUsed(each) },
      {
        title: 'Fullest disk',
        unit: 'percentunit',
        scale: rising(0.85, 0.95),
        barMax: 1,
        query: fullestFilesystem(each),
      },
      {
        title: 'Busiest disk',
        unit: 'percentunit',
        scale: rising(0.85, 0.95),
        barMax: 1,
        query: diskBusy(each),
      },
      { title: 'Load', unit: 'short', query: gauge('node_load5', { ...each, over: 'max' }) },
      { title: 'Received', unit: 'bps', query: networkBits('receive', each) },
      { title: 'Sent', unit: 'bps', query: networkBits('transmit', each) },
      {
        title: 'Hottest',
        unit: 'celsius',
        scale: rising(75, 85),
        query: gauge('node_hwmon_temp_celsius', { ...each, over: 'max' }),
      },
      { title: 'Failed units', unit: 'none', scale: NONE_WANTED, query: failedUnits(each) },
      { title: 'Running for', unit: 'dtdurations', query: uptime(each) },
    ],
  }),
];

const BUSIEST = [
  chart({
    title: 'CPU',
    help: 'The ten hosts that use the largest share of their processors. Click a line for the host.',
    unit: 'percentunit',
    linksToHost: true,
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [top(TOP, cpuBusy(all('{{instance}}')))],
  }),
  chart({
    title: 'Memory',
    help: 'The ten hosts with the largest share of their memory in use.',
    unit: 'percentunit',
    linksToHost: true,
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [top(TOP, memoryUsed(all('{{instance}}')))],
  }),
  chart({
    title: 'Disk time',
    help: 'The ten hosts with the busiest disk.',
    unit: 'percentunit',
    linksToHost: true,
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [top(TOP, diskBusy(all('{{instance}}')))],
  }),
  chart({
    title: 'Disk space',
    help: 'The ten hosts with the fullest file system.',
    unit: 'percentunit',
    linksToHost: true,
    min: 0,
    max: 1,
    scale: rising(0.85, 0.95),
    queries: [top(TOP, fullestFilesystem(all('{{instance}}')))],
  }),
  chart({
    title: 'Received',
    help: 'The ten hosts that receive most.',
    unit: 'bps',
    linksToHost: true,
    min: 0,
    queries: [top(TOP, networkBits('receive', all('{{instance}}')))],
  }),
  chart({
    title: 'Sent',
    help: 'The ten hosts that send most.',
    unit: 'bps',
    linksToHost: true,
    min: 0,
    queries: [top(TOP, networkBits('transmit', all('{{instance}}')))],
  }),
];

const OVER_TIME = [
  timeline({
    title: 'Who reported when',
    help: 'Green while the agent reported, red while it did not, blank while nothing was stored. For hundreds of hosts use the table.',
    unit: 'none',
    scale: falling(1, 1),
    texts: { '0': ['down', 'red'], '1': ['up', 'green'] },
    queries: [gauge('up', { ...all('{{instance}}'), over: 'max' })],
  }),
  chart({
    title: 'Processors in use, all hosts',
    help: 'Share of all processors. Room for more work, or not.',
    unit: 'percentunit',
    min: 0,
    max: 1,
    queries: [cpuBusy(all('In use'))],
  }),
  chart({
    title: 'Memory, all hosts',
    help: 'All memory, and what programs could still have.',
    unit: 'bytes',
    min: 0,
    queries: [
      gauge('node_memory_MemTotal_bytes', { ...all('All'), over: 'sum' }),
      gauge('node_memory_MemAvailable_bytes', { ...all('Available'), over: 'sum' }),
    ],
  }),
  chart({
    title: 'Open files',
    help: 'The ten hosts that use the largest share of the open files that their kernel allows.',
    unit: 'percentunit',
    linksToHost: true,
    min: 0,
    scale: rising(0.8, 0.95),
    queries: [
      top(
        TOP,
        share('node_filefd_allocated', 'node_filefd_maximum', { ...all('{{instance}}'), over: 'max' }),
      ),
    ],
  }),
];

export const FLEET_BOARD: Board = {
  slug: 'fleet',
  title: 'Fleet overview',
  help: 'All hosts: who does not report, who is busy, what fires. A click on a name opens the host.',
  from: 'now-1h',
  refresh: '30s',
  choices: [JOB],
  marks: [alertMarks(''), restartMarks(FLEET)],
  sections: [
    { title: 'Now', isOpen: true, panels: NOW },
    { title: 'Busiest hosts', isOpen: true, panels: BUSIEST },
    { title: 'Over time', isOpen: false, panels: OVER_TIME },
  ],
};
