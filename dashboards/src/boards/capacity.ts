/** What runs out, and when; and what stands idle. Prices a purchase, so it looks back two days by default. */
import type { Board } from '../board.ts';
import { chart, falling, NONE_WANTED, number, rising, table } from '../panel.ts';
import { gauge, selector, share, top, written } from '../query.ts';
import { cpuBusy, FILLABLE, FLEET, fullestFilesystem, JOB, memoryUsed, restartMarks } from './common.ts';

const AVAILABLE = selector('node_filesystem_avail_bytes', FLEET, FILLABLE);
const DISK_LABELS = ['instance', 'mountpoint', 'device'] as const;
const PER_DISK = { scope: FLEET, where: FILLABLE, legend: '', by: DISK_LABELS } as const;
/** Short enough to notice a change of pace, long enough for a nightly job to weigh little. */
const TREND = '6h';
const DAY_S = 86_400;
const WEEK_S = 7 * DAY_S;

/** Seconds until a file system is full at the pace of the last hours; those that do not grow are left out. */
const UNTIL_FULL = `${AVAILABLE} / (-deriv(${AVAILABLE}[${TREND}]) > 0)`;
const FREE_IN_A_WEEK = `predict_linear(${AVAILABLE}[${TREND}], ${WEEK_S})`;

const SOON = [
  number({
    title: 'Full within a day',
    help: 'File systems that are full in less than a day at the pace of the last six hours. Red: the table names them; stop what writes, or make room.',
    unit: 'none',
    width: 6,
    scale: NONE_WANTED,
    queries: [written('File systems', `count((${UNTIL_FULL}) < ${DAY_S}) or vector(0)`)],
  }),
  number({
    title: 'Full within a week',
    help: 'File systems that have nothing left in a week at the pace of the last six hours. Red: plan to make room.',
    unit: 'none',
    width: 6,
    scale: NONE_WANTED,
    queries: [written('File systems', `count(${FREE_IN_A_WEEK} < 0) or vector(0)`)],
  }),
  number({
    title: 'Fullest file system',
    help: 'Share used. Red: see the table.',
    unit: 'percentunit',
    width: 6,
    scale: rising(0.85, 0.95),
    queries: [fullestFilesystem({ scope: FLEET, legend: 'Fullest' })],
  }),
  number({
    title: 'Least memory available',
    help: 'Share of the memory that is left on the host that has the least. Red: move work away or add memory.',
    unit: 'percentunit',
    width: 6,
    scale: falling(0.05, 0.15),
    queries: [
      share('node_memory_MemAvailable_bytes', 'node_memory_MemTotal_bytes', {
        scope: FLEET,
        legend: 'Least',
        over: 'min',
      }),
    ],
  }),
  table({
    title: 'File systems',
    help: 'All that people can fill, the fullest first. "Full in" follows from the last six hours and is blank where space does not shrink (and in InfluxQL, which cannot work it out).',
    height: 12,
    labels: { instance: 'Host', mountpoint: 'Mounted at', device: 'Device' },
    sortBy: 'Used',
    isDescending: true,
    columns: [
      {
        title: 'Used',
        unit: 'percentunit',
        scale: rising(0.85, 0.95),
        barMax: 1,
        query: share('node_filesystem_avail_bytes', 'node_filesystem_size_bytes', {
          ...PER_DISK,
          over: 'max',
          each: (free) => `1 - ${free}`,
        }),
      },
      {
        title: 'Free',
        unit: 'bytes',
        query: gauge('node_filesystem_avail_bytes', { ...PER_DISK, over: 'max' }),
      },
      {
        title: 'Size',
        unit: 'bytes',
        query: gauge('node_filesystem_size_bytes', { ...PER_DISK, over: 'max' }),
      },
      {
        title: 'Full in',
        unit: 'dtdurations',
        scale: falling(DAY_S, WEEK_S),
        query: written('', `min by (${DISK_LABELS.join(', ')}) (${UNTIL_FULL})`),
      },
      {
        title: 'Files used',
        unit: 'percentunit',
        scale: rising(0.85, 0.95),
        query: share('node_filesystem_files_free', 'node_filesystem_files', {
          ...PER_DISK,
          over: 'max',
          each: (free) => `1 - ${free}`,
        }),
      },
    ],
  }),
];

const TRENDS = [
  chart({
    title: 'Free space, the ten tightest',
    help: 'Share of the space that is left. A line that falls steadily: the table above says when it ends.',
    unit: 'percentunit',
    width: 12,
    min: 0,
    linksToHost: true,
    queries: [
      {
        ...share('node_filesystem_avail_bytes', 'node_filesystem_size_bytes', {
          scope: FLEET,
          where: FILLABLE,
          legend: '{{instance}} {{mountpoint}}',
          over: 'min',
        }),
        promql: `bottomk(10, min by (instance, mountpoint) (${AVAILABLE} / ${selector('node_filesystem_size_bytes', FLEET, FILLABLE)}))`,
      },
    ],
  }),
  chart({
    title: 'Free space in a week',
    help: 'What would be left in a week at the pace of the last six hours, for the ten that would have least. Below nought: full before.',
    unit: 'bytes',
    width: 12,
    linksToHost: true,
    scale: falling(0, 0),
    queries: [
      written(
        '{{instance}} {{mountpoint}}',
        `bottomk(10, min by (instance, mountpoint) (${FREE_IN_A_WEEK}))`,
      ),
    ],
  }),
  chart({
    title: 'CPU, all hosts',
    help: 'Share of all processors in use, and that of the busiest host. The day on which the first line stays above two thirds is the day to buy.',
    unit: 'percentunit',
    width: 12,
    min: 0,
    max: 1,
    queries: [
      cpuBusy({ scope: FLEET, legend: 'All hosts' }),
      written('Busiest host', `max(${cpuBusy({ scope: FLEET, legend: '', by: ['instance'] }).promql})`),
    ],
  }),
  chart({
    title: 'Memory, all hosts',
    help: 'All memory, and what is left of it.',
    unit: 'bytes',
    width: 12,
    min: 0,
    queries: [
      gauge('node_memory_MemTotal_bytes', { scope: FLEET, legend: 'All', over: 'sum' }),
      gauge('node_memory_MemAvailable_bytes', { scope: FLEET, legend: 'Left', over: 'sum' }),
    ],
  }),
];

const IDLE = [
  chart({
    title: 'Least CPU in use',
    help: 'The ten idlest hosts. Below a few per cent for weeks: give them other work, or switch them off.',
    unit: 'percentunit',
    width: 12,
    min: 0,
    linksToHost: true,
    queries: [
      {
        ...cpuBusy({ scope: FLEET, legend: '{{instance}}' }),
        promql: `bottomk(10, ${cpuBusy({ scope: FLEET, legend: '{{instance}}' }).promql})`,
      },
    ],
  }),
  chart({
    title: 'Most memory left',
    help: 'The ten hosts with the most memory that nothing uses.',
    unit: 'bytes',
    width: 12,
    min: 0,
    linksToHost: true,
    queries: [
      top(10, gauge('node_memory_MemAvailable_bytes', { scope: FLEET, legend: '{{instance}}', over: 'max' })),
    ],
  }),
  table({
    title: 'Size and use of each host',
    help: 'What each host has, and the share of it that is in use now.',
    height: 12,
    labels: { instance: 'Host' },
    sortBy: 'CPU',
    columns: [
      {
        title: 'Processors',
        unit: 'none',
        query: gauge('node_cpu_seconds_total', {
          scope: FLEET,
          where: 'mode="idle"',
          legend: '',
          by: ['instance'],
          over: 'count',
        }),
      },
      {
        title: 'CPU',
        unit: 'percentunit',
        scale: rising(0.85, 0.95),
        barMax: 1,
        query: cpuBusy({ scope: FLEET, legend: '', by: ['instance'] }),
      },
      {
        title: 'Memory size',
        unit: 'bytes',
        query: gauge('node_memory_MemTotal_bytes', {
          scope: FLEET,
          legend: '',
          by: ['instance'],
          over: 'max',
        }),
      },
      {
        title: 'Memory',
        unit: 'percentunit',
        scale: rising(0.85, 0.95),
        barMax: 1,
        query: memoryUsed({ scope: FLEET, legend: '', by: ['instance'] }),
      },
    ],
  }),
];

export const CAPACITY_BOARD: Board = {
  slug: 'capacity',
  title: 'Capacity',
  help: 'What runs out and when, and what stands idle. Forecasts follow the last six hours in a straight line.',
  from: 'now-2d',
  refresh: '5m',
  choices: [JOB],
  marks: [restartMarks(FLEET)],
  sections: [
    { title: 'What runs out', isOpen: true, panels: SOON },
    { title: 'Trends', isOpen: true, panels: TRENDS },
    { title: 'What stands idle', isOpen: false, panels: IDLE },
  ],
};
