/** Reads `GET /v1/incidents/:id`. */
import type {
  EvidenceChange,
  EvidenceProcesses,
  EvidenceProgram,
  IncidentAttempt,
  IncidentDetail,
  IncidentEscalation,
  IncidentEvent,
  IncidentEvidence,
  IncidentHistory,
} from '../../../collector/src/api/types.ts';
import { readIncident } from './answers.ts';
import { fieldsOf, finite, listOf, nullable, oneOf, text } from './read.ts';
import type { Read } from './read.ts';

/** `GET /v1/incidents/:id` */
export const readIncidentDetail: Read<IncidentDetail> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    ...readIncident(value, path),
    previous: field('previous', nullable(text)),
    escalation: field('escalation', nullable(readEscalation)),
    evidence: field('evidence', nullable(readEvidence)),
    timeline: field('timeline', listOf(readEvent)),
  };
};

const readEscalation: Read<IncidentEscalation> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    policy: field('policy', text),
    step: field('step', finite),
    dueMs: field('dueMs', nullable(finite)),
  };
};

const readEvidence: Read<IncidentEvidence> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    takenMs: field('takenMs', finite),
    history: field('history', orProblem(readHistory)),
    changes: field('changes', nullable(orProblem(listOf(readChange)))),
    processes: field('processes', nullable(orProblem(readProcesses))),
  };
};

/** What `read` reads, or why it could not be had. */
function orProblem<T>(read: Read<T>): Read<T | { readonly problem: string }> {
  return (value, path) => {
    const isProblem = typeof value === 'object' && value !== null && Object.hasOwn(value, 'problem');
    return isProblem ? { problem: fieldsOf(value, path)('problem', text) } : read(value, path);
  };
}

const readHistory: Read<IncidentHistory> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    expression: field('expression', text),
    startMs: field('startMs', finite),
    stepMs: field('stepMs', finite),
    values: field('values', listOf(nullable(finite))),
  };
};

const readChange: Read<EvidenceChange> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    atMs: field('atMs', finite),
    section: field('section', text),
    kind: field('kind', oneOf(['added', 'removed', 'changed'])),
    what: field('what', text),
    before: field('before', nullable(text)),
    after: field('after', nullable(text)),
  };
};

const readProcesses: Read<EvidenceProcesses> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    atMs: field('atMs', finite),
    spanMs: field('spanMs', finite),
    programs: field('programs', listOf(readProgram)),
  };
};

const readProgram: Read<EvidenceProgram> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    name: field('name', text),
    count: field('count', finite),
    pid: field('pid', finite),
    cpus: field('cpus', finite),
    memoryBytes: field('memoryBytes', nullable(finite)),
    readBytesPerSecond: field('readBytesPerSecond', nullable(finite)),
    writtenBytesPerSecond: field('writtenBytesPerSecond', nullable(finite)),
  };
};

const readEvent: Read<IncidentEvent> = (value, path) => {
  const field = fieldsOf(value, path);
  const atMs = field('atMs', finite);
  if (field('kind', oneOf(['transition', 'notification'])) === 'transition') {
    const kinds = [
      'fired',
      'escalated',
      'acknowledged',
      'unacknowledged',
      'commented',
      'resolved',
      'closed',
    ] as const;
    return {
      kind: 'transition',
      atMs,
      transition: field('transition', oneOf(kinds)),
      person: field('person', nullable(text)),
      note: field('note', nullable(text)),
    };
  }
  return {
    kind: 'notification',
    atMs,
    receiver: field('receiver', text),
    transition: field('transition', oneOf(['fired', 'escalated', 'resolved', 'closed'])),
    status: field(
      'status',
      oneOf(['queued', 'sending', 'waiting', 'delivered', 'dead', 'superseded', 'suppressed']),
    ),
    reason: field('reason', nullable(text)),
    attempts: field('attempts', listOf(readAttempt)),
  };
};

const readAttempt: Read<IncidentAttempt> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    number: field('number', finite),
    atMs: field('atMs', finite),
    latencyMs: field('latencyMs', nullable(finite)),
    outcome: field('outcome', nullable(text)),
    status: field('status', nullable(finite)),
    error: field('error', nullable(text)),
  };
};
