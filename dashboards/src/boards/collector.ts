/** The collector itself. Its figures are on its /metrics; somebody has to scrape them (docs/grafana.md says how). */
import type { Board, Choice } from '../board.ts';
import { chart, falling, NONE_WANTED, note, number, PLAIN, rising } from '../panel.ts';
import { gauge, rate, written, type Query } from '../query.ts';
import { FLEET, JOB } from './common.ts';

const COLLECTOR = 'instance=~"$collector"';

/** What the collector counts, with the labels that each has. */
export const COLLECTOR_LABELS = {
  rollcall_alerting_attempts_total: ['receiver', 'outcome'],
  rollcall_alerting_breaker_opened_total: ['receiver'],
  rollcall_alerting_evaluations_total: ['rule', 'outcome'],
  rollcall_alerting_instances_dropped_total: ['rule'],
  rollcall_alerting_internal_errors_total: ['part'],
  rollcall_alerting_notifications_total: ['receiver', 'status'],
  rollcall_alerting_transitions_total: ['rule', 'kind'],
  rollcall_fleet_series_rounds_total: ['outcome'],
  rollcall_gateway_batch_bytes_total: ['reason'],
  rollcall_gateway_records_total: ['reason'],
  rollcall_gateway_samples_total: ['reason'],
  rollcall_gateway_session_ends_total: ['reason'],
  rollcall_gateway_upgrades_total: ['reason'],
  rollcall_hosts: ['state'],
  rollcall_outbox_unsent: ['status'],
  rollcall_remote_write_requests_total: ['code'],
  rollcall_remote_write_samples_total: ['outcome'],
} as const;

function labelsOf(metric: string): readonly string[] {
  return new Map<string, readonly string[]>(Object.entries(COLLECTOR_LABELS)).get(metric) ?? [];
}

/** Per second, joined to the labels of the legend. */
function speed(metric: string, legend: string, where = ''): Query {
  return rate(metric, { scope: COLLECTOR, where, legend, labels: labelsOf(metric), over: 'sum' });
}

/** The present value, joined to the labels of the legend. */
function level(metric: string, legend: string, where = ''): Query {
  return gauge(metric, { scope: COLLECTOR, where, legend, labels: labelsOf(metric), over: 'sum' });
}

const NOW = [
  note({
    title: 'About these figures',
    help: 'Where the figures come from.',
    height: 3,
    text:
      'These figures are on `/metrics` of the collector. Rollcall does not scrape: point a Prometheus or vmagent at it, and let that ' +
      'push them back (docs/grafana.md), or choose the data source that scrapes it. The last section needs nothing.',
  }),
  number({
    title: 'Agents connected',
    help: 'Agents with a session. Falling at once: the network in front of the collector, or its certificate.',
    unit: 'none',
    scale: PLAIN,
    queries: [level('rollcall_connected_agents', 'Connected')],
  }),
  number({
    title: 'Journal takes samples',
    help: 'Red: nothing is stored or acknowledged, and agents keep their readings. The disk is full or read-only; the log of the collector says which.',
    unit: 'none',
    scale: falling(1, 1),
    texts: { '0': ['No', 'red'], '1': ['Yes', 'green'] },
    queries: [gauge('rollcall_journal_is_writable', { scope: COLLECTOR, legend: 'Writable', over: 'min' })],
  }),
  number({
    title: 'Samples per second',
    help: 'Samples that were accepted. No judgement; nought with agents connected is wrong.',
    unit: 'short',
    scale: PLAIN,
    queries: [speed('rollcall_gateway_samples_total', 'Accepted', 'reason="accepted"')],
  }),
  number({
    title: 'Oldest message not delivered',
    help: 'Red from five minutes on: somebody is not being told. The log of the collector names the receiver and its answer.',
    unit: 's',
    scale: rising(60, 300),
    queries: [
      gauge('rollcall_outbox_oldest_unsent_seconds', { scope: COLLECTOR, legend: 'Oldest', over: 'max' }),
    ],
  }),
  number({
    title: 'Open incidents',
    help: 'Red: see the board of alerts.',
    unit: 'none',
    scale: NONE_WANTED,
    queries: [level('rollcall_incidents_open', 'Open')],
  }),
  number({
    title: 'Slowest turn of the event loop',
    help: 'One turn in a hundred takes at least this long. Red from a second on: the collector lacks processor time; acknowledgements and pages wait for it.',
    unit: 's',
    scale: rising(0.2, 1),
    queries: [gauge('nodejs_eventloop_lag_p99_seconds', { scope: COLLECTOR, legend: '99 %', over: 'max' })],
  }),
];

const INGEST = [
  chart({
    title: 'Samples',
    help: 'Per second by answer. rejected or refused: the log names the host and the reason.',
    unit: 'ops',
    min: 0,
    isStacked: true,
    queries: [speed('rollcall_gateway_samples_total', '{{reason}}')],
  }),
  chart({
    title: 'Records',
    help: 'Per second by answer. duplicate: an agent did not get its acknowledgement and sent again; harmless.',
    unit: 'ops',
    min: 0,
    isStacked: true,
    queries: [speed('rollcall_gateway_records_total', '{{reason}}')],
  }),
  chart({
    title: 'Bytes from agents',
    help: 'Bytes of batches per second. Much more than usual: backlogs are coming in.',
    unit: 'Bps',
    min: 0,
    queries: [
      rate('rollcall_gateway_batch_bytes_total', {
        scope: COLLECTOR,
        legend: 'Received',
        labels: labelsOf('rollcall_gateway_batch_bytes_total'),
        over: 'sum',
      }),
    ],
  }),
  chart({
    title: 'Connection attempts',
    help: 'Per second by answer. unauthenticated: agents of another collector, or somebody who tries.',
    unit: 'ops',
    min: 0,
    queries: [speed('rollcall_gateway_upgrades_total', '{{reason}}')],
  }),
  chart({
    title: 'Sessions ended by the collector',
    help: 'Per second by error code; docs/errors.md explains each.',
    unit: 'ops',
    min: 0,
    queries: [speed('rollcall_gateway_session_ends_total', '{{reason}}')],
  }),
  chart({
    title: 'Samples pushed by others',
    help: 'Remote write, per second by outcome. Anything but stored: the sender has a fault; the outcome names it.',
    unit: 'ops',
    min: 0,
    isStacked: true,
    queries: [speed('rollcall_remote_write_samples_total', '{{outcome}}')],
  }),
  chart({
    title: 'Hosts by state',
    help: 'As the collector sees them.',
    unit: 'short',
    min: 0,
    isStacked: true,
    queries: [level('rollcall_hosts', '{{state}}')],
  }),
  chart({
    title: 'Rounds of host states',
    help: 'Per second by outcome. skipped or failed: the store does not keep up, and `up` has gaps.',
    unit: 'ops',
    min: 0,
    queries: [speed('rollcall_fleet_series_rounds_total', '{{outcome}}')],
  }),
  chart({
    title: 'Requests of remote write',
    help: 'Per second by status. 4xx: the sender; 5xx: the collector.',
    unit: 'ops',
    min: 0,
    queries: [speed('rollcall_remote_write_requests_total', '{{code}}')],
  }),
];

const JOURNAL = [
  chart({
    title: 'Records in the journal',
    help: 'Those that no block holds yet. Growing for hours: sealing has stopped; see the log.',
    unit: 'short',
    min: 0,
    queries: [level('rollcall_journal_rows', 'Records')],
  }),
  chart({
    title: 'Size of the journal',
    help: 'Bytes of those records.',
    unit: 'bytes',
    min: 0,
    queries: [level('rollcall_journal_bytes', 'Size')],
  }),
  chart({
    title: 'Commits',
    help: 'Group commits per second, and those that failed. Any that fails: disk.',
    unit: 'ops',
    min: 0,
    queries: [speed('rollcall_journal_commits', 'Done'), speed('rollcall_journal_failed_commits', 'Failed')],
  }),
  chart({
    title: 'Refused for ever',
    help: 'Records and blocks per second that no later attempt would make acceptable. Any: the log names host and reason.',
    unit: 'ops',
    min: 0,
    scale: rising(0.001, 1),
    queries: [
      speed('rollcall_journal_rejected_records', 'Records'),
      speed('rollcall_journal_refused_blocks', 'Blocks'),
    ],
  }),
  chart({
    title: 'Threads that answer queries and failed',
    help: 'Per second. Any: a query took more memory than it may; the page of queries in Rollcall (/v1/queries) names the slowest.',
    unit: 'ops',
    min: 0,
    scale: rising(0.000_1, 0.01),
    queries: [speed('rollcall_reader_threads_failed_total', 'Failed')],
  }),
];

const ALERTING = [
  chart({
    title: 'Evaluations of rules',
    help: 'Per second by outcome. failed: the log names the rule.',
    unit: 'ops',
    min: 0,
    isStacked: true,
    queries: [speed('rollcall_alerting_evaluations_total', '{{outcome}}')],
  }),
  chart({
    title: 'Messages not delivered yet',
    help: 'By status. Many that wait: a receiver is away or refuses; the log of the collector names it.',
    unit: 'short',
    min: 0,
    isStacked: true,
    queries: [level('rollcall_outbox_unsent', '{{status}}')],
  }),
  chart({
    title: 'Messages by how they ended',
    help: 'Per second. dead: nobody was told and nothing will be tried again; see the receiver.',
    unit: 'ops',
    min: 0,
    queries: [speed('rollcall_alerting_notifications_total', '{{receiver}} {{status}}')],
  }),
  chart({
    title: 'Attempts to deliver',
    help: 'Per second by receiver and outcome.',
    unit: 'ops',
    min: 0,
    queries: [speed('rollcall_alerting_attempts_total', '{{receiver}} {{outcome}}')],
  }),
  chart({
    title: 'Incidents opened and closed',
    help: 'Per second by kind. Opened and closed all the time: a threshold that sits on the noise.',
    unit: 'ops',
    min: 0,
    queries: [speed('rollcall_alerting_transitions_total', '{{kind}}')],
  }),
  chart({
    title: 'Alerts not tracked',
    help: 'Per second: alerts beyond the number that one rule may have. Any: make the rule narrower.',
    unit: 'ops',
    min: 0,
    scale: rising(0.001, 1),
    queries: [speed('rollcall_alerting_instances_dropped_total', '{{rule}}')],
  }),
  chart({
    title: 'Receivers given up for a while, and failures of alerting',
    help: 'Per second. Any: read the log.',
    unit: 'ops',
    min: 0,
    queries: [
      speed('rollcall_alerting_breaker_opened_total', 'Given up: {{receiver}}'),
      speed('rollcall_alerting_internal_errors_total', 'Failure: {{part}}'),
    ],
  }),
];

const PROCESS = [
  chart({
    title: 'CPU',
    help: 'Processors in use by the collector. Near the number that it has: give it more, or fewer hosts.',
    unit: 'short',
    min: 0,
    queries: [speed('process_cpu_seconds_total', 'CPU')],
  }),
  chart({
    title: 'Memory',
    help: 'Physical memory, and the heap of the main thread. Growing for days: report it.',
    unit: 'bytes',
    min: 0,
    queries: [level('process_resident_memory_bytes', 'All'), level('nodejs_heap_size_used_bytes', 'Heap')],
  }),
  chart({
    title: 'Turns of the event loop',
    help: 'How long one takes: in the middle, and the slowest of a hundred.',
    unit: 's',
    min: 0,
    scale: rising(0.2, 1),
    queries: [
      gauge('nodejs_eventloop_lag_p50_seconds', { scope: COLLECTOR, legend: '50 %', over: 'max' }),
      gauge('nodejs_eventloop_lag_p99_seconds', { scope: COLLECTOR, legend: '99 %', over: 'max' }),
    ],
  }),
  chart({
    title: 'Open files and sockets',
    help: 'One for each agent and some more. Near the limit agents are refused: raise LimitNOFILE.',
    unit: 'short',
    min: 0,
    queries: [level('process_open_fds', 'Open'), level('process_max_fds', 'Limit')],
  }),
];

const AGENTS = [
  chart({
    title: 'Readings that wait on hosts',
    help: 'The ten agents with the most unacknowledged records. Growing: the way to the collector is cut or too slow.',
    unit: 'short',
    linksToHost: true,
    min: 0,
    queries: [
      {
        ...gauge('rollcall_spool_records', { scope: FLEET, legend: '{{instance}}', over: 'max' }),
        promql: `topk(10, max by (instance) (rollcall_spool_records{${FLEET}}))`,
      },
    ],
  }),
  chart({
    title: 'Age of the newest reading',
    help: 'Of the ten hosts that are furthest behind. Above a minute with `up` at 1: a backlog is being sent.',
    unit: 's',
    linksToHost: true,
    min: 0,
    queries: [
      written(
        '{{instance}}',
        `topk(10, time() - max by (instance) (timestamp(node_time_seconds{${FLEET}})))`,
      ),
    ],
  }),
  chart({
    title: 'Samples lost before delivery',
    help: 'Per second and host. Any: the host was away for longer than its spool can hold; enlarge spool-size.',
    unit: 'ops',
    linksToHost: true,
    min: 0,
    scale: rising(0.001, 1),
    queries: [
      rate('rollcall_spool_samples_dropped_total', { scope: FLEET, legend: '{{instance}}', over: 'sum' }),
    ],
  }),
];

const COLLECTOR_CHOICE: Choice = {
  name: 'collector',
  title: 'Collector',
  help: 'The address at which its /metrics are scraped.',
  label: 'instance',
  metric: 'rollcall_journal_rows',
  where: '',
  isMultiple: true,
};

export const COLLECTOR_BOARD: Board = {
  slug: 'collector',
  title: 'Collector itself',
  help: 'Whether the collector keeps up: what comes in, what it keeps, whom it tells, what it takes.',
  from: 'now-3h',
  refresh: '30s',
  choices: [COLLECTOR_CHOICE, JOB],
  marks: [],
  sections: [
    { title: 'Now', isOpen: true, panels: NOW },
    { title: 'Ingest', isOpen: true, panels: INGEST },
    { title: 'Journal and queries', isOpen: true, panels: JOURNAL },
    { title: 'Rules and messages', isOpen: false, panels: ALERTING },
    { title: 'Process', isOpen: false, panels: PROCESS },
    { title: 'Agents, from their own samples', isOpen: true, panels: AGENTS },
  ],
};
