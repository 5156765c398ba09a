/** Rows about Rollcall itself: the sampling, the agent's process and what it keeps, and what the collector adds. */
import {
  collectorCounter,
  collectorGauge,
  counter,
  facts,
  gauge,
  JIFFIES_SCALE,
  MS_SCALE,
  US_SCALE,
} from './definition.ts';

function count<const Labels extends readonly string[]>(labels: Labels, help: string) {
  return counter({ unit: 'count', labels, scale: 0, help });
}

function processGauge(unit: string, help: string) {
  return gauge({ unit, labels: [], scale: 0, help });
}

export const SELF_METRICS = {
  node_scrape_collector_success: gauge({
    unit: 'bool',
    labels: ['collector'],
    scale: 0,
    help: '1 when the sampler could read its resource.',
  }),
  node_scrape_collector_duration_seconds: gauge({
    unit: 'seconds',
    labels: ['collector'],
    scale: US_SCALE,
    help: 'How long the sampler took.',
  }),

  node_textfile_mtime_seconds: gauge({
    unit: 'seconds',
    labels: ['file'],
    scale: MS_SCALE,
    help: 'When a text file was written, in seconds since 1970; only of files that could be read.',
  }),
  node_textfile_scrape_error: gauge({
    unit: 'bool',
    labels: [],
    scale: 0,
    help: '1 when a text file, or the folder, could not be read; the others are read none the less.',
  }),

  process_cpu_seconds_total: counter({
    unit: 'seconds',
    labels: [],
    scale: JIFFIES_SCALE,
    help: 'Processor time that the agent used.',
  }),
  process_open_fds: processGauge('count', 'Files and sockets that the agent has open.'),
  process_max_fds: processGauge('count', 'Files and sockets that the agent may have open.'),
  process_virtual_memory_bytes: processGauge('bytes', 'Address space of the agent.'),
  process_virtual_memory_max_bytes: processGauge('bytes', 'Address space that the agent may have.'),
  process_resident_memory_bytes: processGauge('bytes', 'Physical memory that the agent takes.'),
  process_start_time_seconds: gauge({
    unit: 'seconds',
    labels: [],
    scale: JIFFIES_SCALE,
    help: 'When the agent was started, in seconds since 1970.',
  }),

  rollcall_agent_info: facts(['arch', 'os', 'version'], 'Version of the agent and the platform it runs on.'),
  rollcall_agent_ticks_due_total: count([], 'Readings that were due since the agent started.'),
  rollcall_agent_ticks_taken_total: count([], 'Readings that were taken and handed to the spool.'),
  rollcall_agent_ticks_missed_total: count(
    ['reason'],
    'Readings that were due and not taken: overrun, suspended or no_storage.',
  ),
  rollcall_agent_samples_dropped_total: count(
    ['collector', 'reason'],
    'Values left out of readings: duplicate (same labels as another once cleaned), unknown (not in the catalogue) or limit (more than one sampler may have).',
  ),
  rollcall_spool_records: gauge({
    unit: 'count',
    labels: [],
    scale: 0,
    help: 'Records that wait for the collector to acknowledge them.',
  }),
  rollcall_spool_bytes: gauge({ unit: 'bytes', labels: [], scale: 0, help: 'Size of the waiting records.' }),
  rollcall_spool_bytes_max: gauge({
    unit: 'bytes',
    labels: [],
    scale: 0,
    help: 'Size above which the oldest waiting records make way.',
  }),
  rollcall_spool_durable: gauge({
    unit: 'bool',
    labels: [],
    scale: 0,
    help: '1 when waiting records are on disk, 0 when they are in memory only.',
  }),
  rollcall_spool_samples_dropped_total: count([], 'Samples that had to make way before they were delivered.'),

  up: collectorGauge({
    unit: 'bool',
    labels: [],
    scale: 0,
    help: '1 while the host reports, 0 after three missed intervals.',
  }),
  rollcall_host_info: collectorGauge({
    unit: 'info',
    labels: ['host_id', 'presence'],
    scale: 0,
    help: 'Facts about a host; presence is what kind of presence is expected of it, server at present.',
  }),
  rollcall_host_state: collectorGauge({
    unit: 'bool',
    labels: ['state'],
    scale: 0,
    help: '1 for the state that the host is in: unknown, up, suspect, down or planned; 0 for the others.',
  }),
  rollcall_host_key_conflict: collectorGauge({
    unit: 'bool',
    labels: [],
    scale: 0,
    help: '1 while the key of the host is known to be in use on two machines, until an administrator ends it; only of hosts that had that.',
  }),
  rollcall_agent_backlog_seconds: collectorGauge({
    unit: 'seconds',
    labels: [],
    scale: 3,
    help: "Age of the host's newest reading that has arrived.",
  }),
  rollcall_samples_lost_total: collectorCounter({
    unit: 'count',
    labels: [],
    scale: 0,
    help: 'Samples that the agent had to give up before they were delivered, and said so.',
  }),
  scrape_duration_seconds: collectorGauge({
    unit: 'seconds',
    labels: [],
    scale: US_SCALE,
    help: "How long the host's last reading took.",
  }),
  scrape_samples_scraped: collectorGauge({
    unit: 'count',
    labels: [],
    scale: 0,
    help: "Samples in the host's last reading.",
  }),
} as const;
