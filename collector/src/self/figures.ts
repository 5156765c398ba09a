/** What the collector tells about itself on `/metrics` besides the counters of its rooms. */
import type { AlertingStats } from '../alerting/pipeline.ts';
import type { Outage } from '../alerting/ports.ts';
import type { HostState } from '../api/types.ts';
import { GATEWAY_COUNTERS } from '../gateway/counters.ts';
import type { JournalStats } from '../journal/journal.ts';
import type { CounterTable, GaugeRow } from './metrics.ts';

/** Counters of rooms that report an outcome through a callback. */
export const FLEET_COUNTERS = {
  rollcall_enrolments_total: {
    help: 'Enrolment attempts; outcome is enrolled, repeated, refused, slow_down or unavailable.',
    labels: ['outcome'],
  },
  rollcall_agent_config_total: {
    help: 'Settings for agents; outcome is offered, applied, rejected (for a reason), or unasked: an answer to what was not offered.',
    labels: ['outcome', 'reason'],
  },
  rollcall_fleet_series_rounds_total: {
    help: 'Rounds of writing up and host states; outcome is written, refused (also in part), skipped or failed.',
    labels: ['outcome'],
  },
} as const satisfies CounterTable;

/** Threads that answer queries. */
export const READER_COUNTERS = {
  rollcall_reader_answers_dropped_total: {
    help: 'Answers that were given up because their clients took them slowly and others needed the memory.',
    labels: [],
  },
  rollcall_reader_threads_failed_total: {
    help: 'Reading threads that ended unasked: out of memory, failed, or hung; each takes its queries with it.',
    labels: [],
  },
} as const satisfies CounterTable;

/** The gateway's counters, each with a reason. */
export const GATEWAY_TABLE: CounterTable = Object.fromEntries(
  Object.entries(GATEWAY_COUNTERS).map(([name, help]) => [
    `rollcall_gateway_${name}`,
    { help: `${help[0]?.toUpperCase()}${help.slice(1)}.`, labels: ['reason'] },
  ]),
);

/** What is kept of recent readings. @param read bytes of the threads for rules, and of those for people */
export function windowGauge(read: () => Readonly<Record<'rules' | 'people', number>>): GaugeRow {
  return {
    name: 'rollcall_window_bytes',
    help: 'Memory of recent readings in reading threads, which cache-memory bounds, by who asks them: rules or people.',
    label: 'reader',
    read,
  };
}

export interface FigureSources {
  readonly journal: () => JournalStats;
  readonly hosts: () => Readonly<Record<HostState, number>>;
  readonly outage: () => Outage;
  readonly connectedAgents: () => number;
  readonly connections: () => number;
  readonly alerting: () => AlertingStats;
  readonly isClockInDoubt: () => boolean;
  readonly nowMs: () => number;
}

export function collectorGauges(sources: FigureSources): readonly GaugeRow[] {
  const journal = (name: string, help: string, read: (stats: JournalStats) => number): GaugeRow => ({
    name: `rollcall_journal_${name}`,
    help,
    read: () => read(sources.journal()),
  });
  return [
    { name: 'rollcall_hosts', help: 'Enrolled hosts by state.', label: 'state', read: sources.hosts },
    {
      name: 'rollcall_fleet_vanished_together',
      help: '1 while many hosts are away together, so that the collector or its network is the likelier cause.',
      read: () => (sources.outage().kind === 'open' ? 1 : 0),
    },
    {
      name: 'rollcall_fleet_vanished_hosts',
      help: 'Hosts that vanished together and are still away.',
      read: () => {
        const outage = sources.outage();
        return outage.kind === 'open' ? outage.awayCount : 0;
      },
    },
    {
      name: 'rollcall_connected_agents',
      help: 'Agents with an established session.',
      read: sources.connectedAgents,
    },
    {
      name: 'rollcall_agent_connections',
      help: 'Sockets of agents, authenticated or not.',
      read: sources.connections,
    },
    journal('rows', 'Records held.', ({ rows }) => rows),
    journal('bytes', 'Bytes of the records held.', ({ bytes }) => bytes),
    journal('samples', 'Samples in the records held.', ({ samples }) => samples),
    journal('is_writable', '1 while records can be stored and acknowledged.', ({ isWritable }) =>
      isWritable ? 1 : 0,
    ),
    journal('commits', 'Group commits since the start.', ({ commits }) => commits),
    journal(
      'failed_commits',
      'Group commits that failed since the start.',
      ({ failedCommits }) => failedCommits,
    ),
    journal('duplicates', 'Records that came twice since the start.', ({ duplicates }) => duplicates),
    journal(
      'rejected_records',
      'Records refused for ever since the start.',
      ({ rejectedRecords }) => rejectedRecords,
    ),
    journal(
      'refused_blocks',
      'Blocks whose schema was refused since the start.',
      ({ refusedBlocks }) => refusedBlocks,
    ),
    journal(
      'corrected_ticks',
      'Ticks of hosts with a wrong wall clock that were stored by their boot clock since the start.',
      ({ correctedTicks }) => correctedTicks,
    ),
    {
      name: 'rollcall_clock_in_doubt',
      help: '1 while nothing is deleted by age: the clock is far from where it was when this store was last in use.',
      read: () => (sources.isClockInDoubt() ? 1 : 0),
    },
    {
      name: 'rollcall_incidents_open',
      help: 'Open incidents.',
      read: () => sources.alerting().openIncidents,
    },
    {
      name: 'rollcall_outbox_unsent',
      help: 'Notifications that are not delivered yet, by status.',
      label: 'status',
      read: () => ({ ...sources.alerting().unsent }),
    },
    {
      name: 'rollcall_outbox_oldest_unsent_seconds',
      help: 'Age of the oldest notification that is not yet delivered, 0 when all are.',
      read: () => {
        const { oldestUnsentMs } = sources.alerting();
        return oldestUnsentMs === null ? 0 : Math.max(0, (sources.nowMs() - oldestUnsentMs) / 1000);
      },
    },
  ];
}
