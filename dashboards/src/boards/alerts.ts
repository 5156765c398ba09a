/** What fires, what has fired, and how much of the time each host was there. */
import type { Board } from '../board.ts';
import { chart, falling, NONE_WANTED, number, rising, table, timeline } from '../panel.ts';
import { gauge, meanOverRange, written } from '../query.ts';
import { alertMarks, FLEET, JOB, restartMarks, uptime } from './common.ts';

const ALERT_LABELS = ['alertname', 'instance', 'severity'] as const;
const FIRING = {
  scope: 'alertstate="firing"',
  labels: ['alertname', 'severity'],
  over: 'count',
} as const;

const NOW = [
  number({
    title: 'Firing',
    help: 'Alerts that fire now. Red: the table says which; who was told is in Rollcall under Incidents.',
    unit: 'none',
    width: 6,
    scale: NONE_WANTED,
    queries: [
      written(
        'Alerts',
        'count(ALERTS{alertstate="firing"}) or vector(0)',
        gauge('ALERTS', { ...FIRING, legend: 'Alerts' }).influxql,
      ),
    ],
  }),
  number({
    title: 'Pending',
    help: 'Conditions that hold, but not yet for as long as their rule wants. Orange: they may fire soon.',
    unit: 'none',
    width: 6,
    scale: { base: 'green', steps: [[1, 'orange']] },
    queries: [
      written(
        'Alerts',
        'count(ALERTS{alertstate="pending"}) or vector(0)',
        gauge('ALERTS', { ...FIRING, scope: 'alertstate="pending"', legend: 'Alerts' }).influxql,
      ),
    ],
  }),
  number({
    title: 'Hosts that do not report',
    help: 'Red: "Who reported when" shows which, and since when.',
    unit: 'none',
    width: 6,
    scale: NONE_WANTED,
    queries: [gauge('up', { scope: FLEET, legend: 'Hosts', over: 'sum', each: (up) => `1 - ${up}` })],
  }),
  number({
    title: 'Availability of all hosts',
    help: 'Mean share of the chosen time during which the hosts reported. Red below 99 %.',
    unit: 'percentunit',
    width: 6,
    decimals: 3,
    scale: falling(0.99, 0.999),
    queries: [meanOverRange('up', { scope: FLEET, legend: 'Availability' })],
  }),
  table({
    title: 'What fires',
    help: 'Empty is good. Each alert has its description and its history in Rollcall under Incidents.',
    height: 8,
    labels: { alertname: 'Alert', instance: 'Host', severity: 'Severity' },
    sortBy: 'Since',
    isDescending: true,
    columns: [
      {
        title: 'Since',
        unit: 'dateTimeFromNow',
        query: written(
          '',
          `max by (${ALERT_LABELS.join(', ')}) (ALERTS_FOR_STATE * 1000 and ignoring (alertstate) ALERTS{alertstate="firing"})`,
        ),
      },
      {
        title: 'State',
        unit: 'none',
        texts: { '1': ['firing', 'red'] },
        query: gauge('ALERTS', {
          ...FIRING,
          legend: '',
          by: ALERT_LABELS,
          over: 'max',
        }),
      },
    ],
  }),
];

const HISTORY = [
  timeline({
    title: 'Alerts over time',
    help: 'When each alert fired.',
    unit: 'none',
    scale: { base: 'red', steps: [] },
    texts: { '1': ['firing', 'red'] },
    queries: [gauge('ALERTS', { ...FIRING, legend: '{{alertname}} {{instance}}', over: 'max' })],
  }),
  chart({
    title: 'Number of alerts',
    help: 'How many fired at once, by name. A tower at one time: one cause for all; look for what they share.',
    unit: 'short',
    width: 12,
    min: 0,
    isStacked: true,
    queries: [gauge('ALERTS', { ...FIRING, legend: '{{alertname}}' })],
  }),
  chart({
    title: 'Number of alerts by severity',
    help: 'Many pages in a week: raise thresholds or mend what they speak of, before nobody looks any more.',
    unit: 'short',
    width: 12,
    min: 0,
    isStacked: true,
    queries: [gauge('ALERTS', { ...FIRING, legend: '{{severity}}' })],
  }),
];

const UPTIME = [
  timeline({
    title: 'Who reported when',
    help: 'Green while the agent reported, red while it did not, blank while nothing was stored.',
    unit: 'none',
    height: 10,
    scale: falling(1, 1),
    texts: { '0': ['down', 'red'], '1': ['up', 'green'] },
    queries: [gauge('up', { scope: FLEET, legend: '{{instance}}', over: 'max' })],
  }),
  table({
    title: 'Availability of each host',
    help: 'Share of the chosen time during which it reported, the least first. Blank stretches count for neither side. Red below 99 %.',
    width: 12,
    labels: { instance: 'Host' },
    sortBy: 'Available',
    columns: [
      {
        title: 'Available',
        unit: 'percentunit',
        scale: falling(0.99, 0.999),
        barMax: 1,
        query: meanOverRange('up', { scope: FLEET, legend: '', by: ['instance'] }),
      },
      {
        title: 'Running for',
        unit: 'dtdurations',
        query: uptime({ scope: FLEET, legend: '', by: ['instance'] }),
      },
    ],
  }),
  table({
    title: 'State of each host',
    help: 'What the collector says of each host: up, suspect (silent), down, planned (said goodbye). Only Rollcall has it.',
    width: 12,
    labels: { instance: 'Host', state: 'State' },
    sortBy: 'Host',
    columns: [
      {
        title: 'Now',
        unit: 'none',
        texts: { '1': ['●', 'text'] },
        query: written('', `max by (instance, state) (rollcall_host_state{${FLEET}} == 1)`),
      },
    ],
  }),
  chart({
    title: 'Hosts by state',
    help: 'Many that are suspect at once: the network, not the hosts. Only Rollcall has it.',
    unit: 'short',
    width: 12,
    min: 0,
    isStacked: true,
    queries: [
      gauge('rollcall_host_state', {
        scope: FLEET,
        legend: '{{state}}',
        over: 'sum',
        labels: ['state'],
      }),
    ],
  }),
  chart({
    title: 'Time of a reading',
    help: 'How long the last reading of the slowest hosts took. Seconds: the host is overloaded or a disk does not answer.',
    unit: 's',
    width: 12,
    min: 0,
    scale: rising(1, 5),
    linksToHost: true,
    queries: [
      {
        ...gauge('scrape_duration_seconds', { scope: FLEET, legend: '{{instance}}', over: 'max' }),
        promql: `topk(10, max by (instance) (scrape_duration_seconds{${FLEET}}))`,
      },
    ],
  }),
];

export const ALERTS_BOARD: Board = {
  slug: 'alerts',
  title: 'Alerts and uptime',
  help: 'What fires, what has fired, and how much of the time each host was there.',
  from: 'now-24h',
  refresh: '1m',
  choices: [JOB],
  marks: [alertMarks(''), restartMarks(FLEET)],
  sections: [
    { title: 'Now', isOpen: true, panels: NOW },
    { title: 'History of alerts', isOpen: true, panels: HISTORY },
    { title: 'Uptime', isOpen: true, panels: UPTIME },
  ],
};
