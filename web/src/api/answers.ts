/** Readers for the answers of Rollcall's own API, one per shape of `collector/src/api/types.ts`. */
import type {
  ErrorAnswer,
  HostConfig,
  HostDetail,
  HostOs,
  HostState,
  HostSummary,
  HostVitals,
  HostsAnswer,
  Incident,
  IncidentDelivery,
  IncidentsAnswer,
  InventoryAnswer,
  InventoryChangeEntry,
  InventoryChangesAnswer,
  InventoryChangeSet,
  InventoryContent,
  InventorySection,
  InventoryValue,
  StatusAnswer,
} from '../../../collector/src/api/types.ts';
import { Malformed, fieldsOf, finite, flag, listOf, nullable, oneOf, recordOf, text } from './read.ts';
import type { Read } from './read.ts';

/** Trouble first: the order in which states are listed and sorted. */
export const HOST_STATES = [
  'down',
  'suspect',
  'unknown',
  'up',
  'planned',
] as const satisfies readonly HostState[];

/** Inventory nests a few levels (section, list, entry); deeper content is refused. */
export const INVENTORY_DEPTH_MAX = 12;

/** `GET /v1/hosts` */
export const readHosts: Read<HostsAnswer> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    hosts: field('hosts', listOf(readHost)),
    next: field('next', nullable(text)),
    counts: field('counts', readCounts),
  };
};

/** `GET /v1/hosts/:id` */
export const readHostDetail: Read<HostDetail> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    ...readHost(value, path),
    machineId: field('machineId', nullable(text)),
    bootId: field('bootId', nullable(text)),
    lostSamples: field('lostSamples', recordOf(finite)),
    inventorySections: field('inventorySections', listOf(text)),
    config: field('config', nullable(readConfig)),
  };
};

/** `GET /v1/hosts/:id/inventory` */
export const readInventory: Read<InventoryAnswer> = (value, path) => {
  const field = fieldsOf(value, path);
  return { hostId: field('hostId', text), sections: field('sections', listOf(readSection)) };
};

/** `GET /v1/incidents` */
export const readIncidents: Read<IncidentsAnswer> = (value, path) => ({
  incidents: fieldsOf(value, path)('incidents', listOf(readIncident)),
});

/** `GET /v1/status` */
export const readStatus: Read<StatusAnswer> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    version: field('version', text),
    startedMs: field('startedMs', finite),
    nowMs: field('nowMs', finite),
    hostCount: field('hostCount', finite),
    connectedAgents: field('connectedAgents', finite),
    isInsecure: field('isInsecure', flag),
  };
};

/** The body of every refusal. */
export const readError: Read<ErrorAnswer> = (value, path) => {
  const error = fieldsOf(value, path)('error', (inner, innerPath) => fieldsOf(inner, innerPath));
  return { error: { code: error('code', text), message: error('message', text) } };
};

const readCounts: Read<HostsAnswer['counts']> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    unknown: field('unknown', finite),
    up: field('up', finite),
    suspect: field('suspect', finite),
    down: field('down', finite),
    planned: field('planned', finite),
  };
};

const readHost: Read<HostSummary> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    id: field('id', text),
    name: field('name', text),
    state: field('state', oneOf(HOST_STATES)),
    stateSinceMs: field('stateSinceMs', finite),
    lastSeenMs: field('lastSeenMs', nullable(finite)),
    enrolledMs: field('enrolledMs', finite),
    os: field('os', nullable(readOs)),
    agentVersion: field('agentVersion', nullable(text)),
    vitals: field('vitals', nullable(readVitals)),
    openIncidentCount: field('openIncidentCount', finite),
    keyConflictMs: field('keyConflictMs', nullable(finite)),
    revokedMs: field('revokedMs', nullable(finite)),
  };
};

const readConfig: Read<HostConfig> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    version: field('version', finite),
    settings: field('settings', readSettings),
    state: field('state', oneOf(['offered', 'applied', 'rejected'])),
    reason: field('reason', text),
    text: field('text', text),
    changedMs: field('changedMs', finite),
  };
};

const readSettings: Read<HostConfig['settings']> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    intervalMs: field('intervalMs', nullable(finite)),
    disabledSamplers: field('disabledSamplers', nullable(listOf(text))),
    logLevel: field('logLevel', nullable(text)),
  };
};

const readOs: Read<HostOs> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    platform: field('platform', text),
    name: field('name', text),
    kernel: field('kernel', text),
    arch: field('arch', text),
  };
};

const readVitals: Read<HostVitals> = (value, path) => {
  const field = fieldsOf(value, path);
  const number = (key: string): number | null => field(key, nullable(finite));
  return {
    timeMs: field('timeMs', finite),
    cpuBusyRatio: number('cpuBusyRatio'),
    cpuCount: number('cpuCount'),
    memoryUsedRatio: number('memoryUsedRatio'),
    memoryTotalBytes: number('memoryTotalBytes'),
    load1: number('load1'),
    fullestFilesystem: field('fullestFilesystem', nullable(readFilesystem)),
    receiveBytesPerSecond: number('receiveBytesPerSecond'),
    transmitBytesPerSecond: number('transmitBytesPerSecond'),
    bootedMs: number('bootedMs'),
  };
};

const readFilesystem: Read<NonNullable<HostVitals['fullestFilesystem']>> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    mountpoint: field('mountpoint', text),
    usedRatio: field('usedRatio', finite),
    sizeBytes: field('sizeBytes', nullable(finite)),
  };
};

/** `GET /v1/hosts/:id/changes` */
export const readInventoryChanges: Read<InventoryChangesAnswer> = (value, path) => {
  const field = fieldsOf(value, path);
  return { hostId: field('hostId', text), changes: field('changes', listOf(readChangeSet)) };
};

const readChangeSet: Read<InventoryChangeSet> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    section: field('section', text),
    atMs: field('atMs', finite),
    previousMs: field('previousMs', finite),
    changes: field('changes', listOf(readChange)),
    omitted: field('omitted', finite),
  };
};

const readChange: Read<InventoryChangeEntry> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    kind: field('kind', oneOf(['added', 'removed', 'changed'])),
    path: field('path', listOf(text)),
    before: field('before', inventoryValue(1)),
    after: field('after', inventoryValue(1)),
  };
};

const readSection: Read<InventorySection> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    name: field('name', text),
    hash: field('hash', text),
    receivedMs: field('receivedMs', finite),
    content: field('content', readContent),
  };
};

const readContent: Read<InventoryContent> = (value, path) => recordOf(inventoryValue(1))(value, path);

function inventoryValue(depth: number): Read<InventoryValue> {
  return (value, path) => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') return finite(value, path);
    if (depth >= INVENTORY_DEPTH_MAX) throw new Malformed(path, `at most ${INVENTORY_DEPTH_MAX} levels`);
    const inner = inventoryValue(depth + 1);
    return Array.isArray(value) ? listOf(inner)(value, path) : recordOf(inner)(value, path);
  };
}

/** One incident of a list. */
export const readIncident: Read<Incident> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    id: field('id', text),
    rule: field('rule', text),
    kind: field('kind', oneOf(['uptime', 'capacity'])),
    severity: field('severity', oneOf(['page', 'ticket', 'info', 'capacity'])),
    status: field('status', oneOf(['open', 'resolved'])),
    isHeld: field('isHeld', flag),
    hostId: field('hostId', nullable(text)),
    hostName: field('hostName', nullable(text)),
    title: field('title', text),
    description: field('description', text),
    labels: field('labels', recordOf(text)),
    value: field('value', nullable(finite)),
    threshold: field('threshold', nullable(finite)),
    openedMs: field('openedMs', finite),
    resolvedMs: field('resolvedMs', nullable(finite)),
    endReason: field('endReason', nullable(text)),
    acknowledgement: field('acknowledgement', nullable(readAcknowledgement)),
    deliveries: field('deliveries', listOf(readDelivery)),
  };
};

const readAcknowledgement: Read<NonNullable<Incident['acknowledgement']>> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    by: field('by', text),
    atMs: field('atMs', finite),
    untilMs: field('untilMs', nullable(finite)),
  };
};

const readDelivery: Read<IncidentDelivery> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    receiver: field('receiver', text),
    transition: field('transition', oneOf(['fired', 'resolved'])),
    status: field(
      'status',
      oneOf(['queued', 'sending', 'waiting', 'delivered', 'dead', 'superseded', 'suppressed']),
    ),
    attempts: field('attempts', finite),
    lastAttemptMs: field('lastAttemptMs', nullable(finite)),
    lastError: field('lastError', nullable(text)),
  };
};
