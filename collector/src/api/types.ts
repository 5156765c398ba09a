/**
 * The shapes of Rollcall's own REST API under `/v1`, as JSON. Types only: the page imports this file, and nothing of
 * the collector comes with it. Times are UTC milliseconds, sizes bytes, ratios 0–1; `null` means "not known". Long,
 * because it is the whole list.
 */

import type { InventoryRecord, InventoryValue } from '@rollcall/shared/inventory/canonical.ts';

/** What an inventory section holds. */
export type InventoryContent = InventoryRecord;
export type { InventoryValue };

/** Presence of a host; see docs/operations.md for what moves a host from one to the next. */
export type HostState = 'unknown' | 'up' | 'suspect' | 'down' | 'planned';

export interface HostOs {
  /** As Node.js names it: `linux`, `darwin`, `win32`. */
  readonly platform: string;
  /** For example `Debian GNU/Linux 12 (bookworm)`. */
  readonly name: string;
  readonly kernel: string;
  readonly arch: string;
}

/** The newest readings of a host, for lists; history comes from the query API. */
export interface HostVitals {
  /** Of the readings, which may be announced by an agent whose records of this time still wait. */
  readonly timeMs: number;
  readonly cpuBusyRatio: number | null;
  readonly cpuCount: number | null;
  readonly memoryUsedRatio: number | null;
  readonly memoryTotalBytes: number | null;
  readonly load1: number | null;
  /** The fullest local, writable file system. */
  readonly fullestFilesystem: {
    readonly mountpoint: string;
    readonly usedRatio: number;
    /** Not known while only what the agent announces is. */
    readonly sizeBytes: number | null;
  } | null;
  readonly receiveBytesPerSecond: number | null;
  readonly transmitBytesPerSecond: number | null;
  /** Boot time of the operating system. */
  readonly bootedMs: number | null;
}

export interface HostSummary {
  /** 32 hexadecimal digits; stays the same when the host is renamed. */
  readonly id: string;
  /** The value of the label `instance` on the host's series. */
  readonly name: string;
  readonly state: HostState;
  readonly stateSinceMs: number;
  /** When the collector last heard of the host, `null` before the first time. */
  readonly lastSeenMs: number | null;
  readonly enrolledMs: number;
  readonly os: HostOs | null;
  readonly agentVersion: string | null;
  readonly vitals: HostVitals | null;
  readonly openIncidentCount: number;
  /** When its key was first seen on two machines, `null` when it was not; an administrator ends it. */
  readonly keyConflictMs: number | null;
  /** When an administrator shut its agent out, `null` when nobody did. */
  readonly revokedMs: number | null;
}

/** Which hosts are asked for. */
export interface HostsPage {
  readonly limit: number;
  /** `next` of an earlier answer. */
  readonly after: string | undefined;
  /** Those whose agents were shut out as well. */
  readonly isRevokedToo: boolean;
}

/** `GET /v1/hosts?limit=&after=&revoked=with`; without `revoked` those whose agents were shut out are not in it. */
export interface HostsAnswer {
  readonly hosts: readonly HostSummary[];
  /** Pass it as `after` for the next page; `null` on the last one. */
  readonly next: string | null;
  readonly counts: Readonly<Record<HostState, number>>;
}

/** Settings that the collector has offered to the agent of a host, and what the agent said. */
export interface HostConfig {
  /** Grows with each change. */
  readonly version: number;
  /** What is null is left to the agent. */
  readonly settings: {
    readonly intervalMs: number | null;
    readonly disabledSamplers: readonly string[] | null;
    readonly logLevel: string | null;
  };
  readonly state: 'offered' | 'applied' | 'rejected';
  /** Why they were rejected, as docs/protocol.md lists it, and the agent's own words; '' otherwise. */
  readonly reason: string;
  readonly text: string;
  /** When the state became so. */
  readonly changedMs: number;
}

/** `GET /v1/hosts/:id` */
export interface HostDetail extends HostSummary {
  readonly machineId: string | null;
  readonly bootId: string | null;
  /** Samples that were lost and declared as such since enrolment, by reason. */
  readonly lostSamples: Readonly<Record<string, number>>;
  readonly inventorySections: readonly string[];
  /** null when nothing was ever set for the host. */
  readonly config: HostConfig | null;
}

/** A state that a host was in, and why in a word: `records` and `uptime` are proofs that came later. */
export interface AvailabilitySpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly state: HostState;
  readonly reason: string;
}

/** How much of a span of time a host was what, milliseconds. */
export interface AvailabilityFigures {
  readonly upMs: number;
  /** Silent and not proved to have run. */
  readonly downMs: number;
  readonly plannedMs: number;
  /** Nobody could know: the collector was away, or the host was not enrolled yet. */
  readonly unknownMs: number;
  /** upMs / (upMs + downMs); `null` when both are 0. */
  readonly availableRatio: number | null;
}

/** How a host was in a span of time. */
export interface Availability extends AvailabilityFigures {
  /** The newest of them, oldest first. */
  readonly spans: readonly AvailabilitySpan[];
  readonly omittedSpans: number;
}

/** `GET /v1/hosts/:id/availability?from=&to=`, UTC milliseconds, the last 30 days without them; `?last=`, milliseconds before the newest full minute */
export interface AvailabilityAnswer {
  readonly hostId: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** As it was seen at the time. */
  readonly seen: Availability;
  /** Corrected by what was proved later: a host that was only cut off was not down. */
  readonly corrected: Availability;
}

/** The figures of one of many hosts. */
export type HostAvailability = {
  readonly hostId: string;
  readonly name: string;
} & (
  | { readonly kind: 'known'; readonly seen: AvailabilityFigures; readonly corrected: AvailabilityFigures }
  /** They cannot be made. */
  | { readonly kind: 'failed'; readonly error: ErrorAnswer['error'] }
);

/** `GET /v1/availability?from=&to=&limit=`, `?last=&limit=`; times as of one host */
export interface FleetAvailabilityAnswer {
  readonly fromMs: number;
  readonly toMs: number;
  /** The least available by `corrected` first, then of whom nothing is known, then whose figures cannot be made. */
  readonly hosts: readonly HostAvailability[];
  /** Hosts above the limit, none of them known to be less available than those that are listed. */
  readonly omittedHosts: number;
  /** Hosts whose figures cannot be made, listed or not; `total` is without them. */
  readonly failedHosts: number;
  /** All hosts added up, also those above the limit; without those whose figures cannot be made. */
  readonly total: { readonly seen: AvailabilityFigures; readonly corrected: AvailabilityFigures };
}

/** One part of a host's inventory, as the agent sent it. */
export interface InventorySection {
  readonly name: string;
  /** SHA-256 of the canonical form, hexadecimal. */
  readonly hash: string;
  readonly receivedMs: number;
  readonly content: InventoryContent;
}

/** One difference between two versions of a section. */
export interface InventoryChangeEntry {
  readonly kind: 'added' | 'removed' | 'changed';
  /** What leads to it: names of fields, and what an entry of a list is called. */
  readonly path: readonly string[];
  /** null for what was added. */
  readonly before: InventoryValue;
  /** null for what was removed. */
  readonly after: InventoryValue;
}

/** What was new when a host sent another version of a section. */
export interface InventoryChangeSet {
  readonly section: string;
  /** When it was received, and the version before it. */
  readonly atMs: number;
  readonly previousMs: number;
  readonly changes: readonly InventoryChangeEntry[];
  /** Differences beyond those listed. */
  readonly omitted: number;
}

/** `GET /v1/hosts/:id/changes`, newest first */
export interface InventoryChangesAnswer {
  readonly hostId: string;
  readonly changes: readonly InventoryChangeSet[];
}

/** Readings that the agent of a host dropped and told of; a chart has a gap there. */
export interface HostGap {
  /** `bytes` and `age` (the spool was full), `corrupt`, `disk_full`, `collector_rollback`, `poison`, `spool_unreadable`, `epochs` or `other`. */
  readonly reason: string;
  /** Clock of the host at the first and the last reading that was lost; null when it could not be read any more. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly ticks: number;
  readonly samples: number;
  /** The counts are a guess. */
  readonly isEstimated: boolean;
  /** When the collector was told. */
  readonly receivedMs: number;
}

/** Which gaps of a host are wanted: the last told ones of those that touch the span, both ends inclusive. */
export interface GapRange {
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
}

/** `GET /v1/hosts/:id/gaps`, told last first */
export interface HostGapsAnswer {
  readonly hostId: string;
  readonly gaps: readonly HostGap[];
}

/** `GET /v1/hosts/:id/inventory` */
export interface InventoryAnswer {
  readonly hostId: string;
  readonly sections: readonly InventorySection[];
}

export type IncidentStatus = 'open' | 'resolved';
export type IncidentKind = 'uptime' | 'capacity';
export type Severity = 'page' | 'ticket' | 'info' | 'capacity';

export interface Incident {
  /** `i-` and a ULID. */
  readonly id: string;
  readonly rule: string;
  readonly kind: IncidentKind;
  readonly severity: Severity;
  readonly status: IncidentStatus;
  /** The host does not report at present, so the incident is kept as it is: it ends on evidence, not on silence. */
  readonly isHeld: boolean;
  readonly hostId: string | null;
  readonly hostName: string | null;
  readonly title: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | null;
  readonly threshold: number | null;
  readonly openedMs: number;
  readonly resolvedMs: number | null;
  /** What ended it: `cleared`, `gone`, or the reason that somebody gave; `null` while it is open. */
  readonly endReason: string | null;
  /** Somebody takes care of it; `null` when nobody has said so, or no longer does. */
  readonly acknowledgement: IncidentAcknowledgement | null;
  readonly deliveries: readonly IncidentDelivery[];
}

export interface IncidentAcknowledgement {
  readonly by: string;
  readonly atMs: number;
  /** `null` for as long as the incident is open. */
  readonly untilMs: number | null;
}

/** `GET /v1/incidents/:id` */
export interface IncidentDetail extends Incident {
  /** The incident before this one of the same object and rule. */
  readonly previous: string | null;
  /** Who is told next, when nobody acknowledges; `null` when nobody further is. */
  readonly escalation: IncidentEscalation | null;
  /** What was seen when it opened; `null` until that is known, and for incidents from before. */
  readonly evidence: IncidentEvidence | null;
  /** What happened, oldest first. */
  readonly timeline: readonly IncidentEvent[];
}

export interface IncidentEscalation {
  readonly policy: string;
  /** 1, 2, … of the step that is next. */
  readonly step: number;
  /** `null` while an acknowledgement, a silence or the like holds it. */
  readonly dueMs: number | null;
}

export type IncidentEvent =
  | {
      readonly kind: 'transition';
      readonly atMs: number;
      readonly transition:
        'fired' | 'escalated' | 'acknowledged' | 'unacknowledged' | 'commented' | 'resolved' | 'closed';
      /** Who did it; `null` where nobody did. */
      readonly person: string | null;
      readonly note: string | null;
    }
  | {
      readonly kind: 'notification';
      readonly atMs: number;
      readonly receiver: string;
      readonly transition: 'fired' | 'escalated' | 'resolved' | 'closed';
      readonly status: IncidentDelivery['status'];
      /** The last failure, or why it was not sent. */
      readonly reason: string | null;
      /** The latest ones, oldest first. */
      readonly attempts: readonly IncidentAttempt[];
    };

export interface IncidentAttempt {
  readonly number: number;
  readonly atMs: number;
  readonly latencyMs: number | null;
  /** `null` while under way. */
  readonly outcome: string | null;
  /** Status of the answer, where there was one. */
  readonly status: number | null;
  readonly error: string | null;
}

/** Each part that could not be had says why, instead of being empty. */
export interface IncidentEvidence {
  readonly takenMs: number;
  /** The expression over the hour before, for this object. */
  readonly history: IncidentHistory | { readonly problem: string };
  /** What changed on the host in the day before, newest first; `null` where there is no host. */
  readonly changes: readonly EvidenceChange[] | { readonly problem: string } | null;
  /** What kept the host busy just before; `null` where there is no host, and for evidence from before it was told. */
  readonly processes: EvidenceProcesses | { readonly problem: string } | null;
}

/** The busiest programs of a host during a span, most processor time first. */
export interface EvidenceProcesses {
  /** End of the span, by the host's clock. */
  readonly atMs: number;
  readonly spanMs: number;
  readonly programs: readonly EvidenceProgram[];
}

/** All processes of one name; what the agent could not read is `null`. */
export interface EvidenceProgram {
  /** May be empty, or anything else. */
  readonly name: string;
  readonly count: number;
  /** Of the busiest of them. */
  readonly pid: number;
  /** Processors that they kept busy on average. */
  readonly cpus: number;
  readonly memoryBytes: number | null;
  readonly readBytesPerSecond: number | null;
  readonly writtenBytesPerSecond: number | null;
}

export interface IncidentHistory {
  readonly expression: string;
  readonly startMs: number;
  readonly stepMs: number;
  /** From `startMs` in steps; `null` where there is no sample. */
  readonly values: readonly (number | null)[];
}

export interface EvidenceChange {
  readonly atMs: number;
  readonly section: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly what: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** How one notification of the incident fares. */
export interface IncidentDelivery {
  readonly receiver: string;
  readonly transition: 'fired' | 'resolved';
  readonly status: 'queued' | 'sending' | 'waiting' | 'delivered' | 'dead' | 'superseded' | 'suppressed';
  readonly attempts: number;
  readonly lastAttemptMs: number | null;
  readonly lastError: string | null;
}

/** `GET /v1/incidents?status=open|resolved|all&host=&limit=` */
export interface IncidentsAnswer {
  readonly incidents: readonly Incident[];
}

/** `GET /v1/on-call` */
export interface OnCallAnswer {
  readonly schedules: readonly {
    readonly name: string;
    readonly timeZone: string;
    /** `null` when nobody is on call at present. */
    readonly person: string | null;
    /** When that ends, at most a week ahead. */
    readonly untilMs: number;
  }[];
}

/** `GET /v1/on-call/:schedule?from=&days=` */
export interface OnCallSchedule {
  readonly name: string;
  readonly timeZone: string;
  /** In order; a gap between two of them is a time in which nobody is on call. */
  readonly shifts: readonly { readonly person: string; readonly fromMs: number; readonly toMs: number }[];
  /** Those that people made, not those of the configuration. */
  readonly overrides: readonly OnCallOverride[];
  /** The same as a calendar; whoever has the address can read it. */
  readonly calendarUrl: string;
}

export interface OnCallOverride {
  readonly id: string;
  readonly person: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly author: string;
}

/** A condition on one label; an absent label counts as empty. */
export interface LabelMatcherShape {
  readonly name: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

/** Nobody is told of what fits all matchers, for a span of time. */
export interface SilenceShape {
  readonly id: string;
  readonly state: 'pending' | 'active' | 'expired';
  readonly matchers: readonly LabelMatcherShape[];
  readonly startsMs: number;
  readonly endsMs: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly updatedMs: number;
}

/** `GET /v1/rules`: every rule that alerts, as it is in force. */
export interface RulesAnswer {
  readonly rules: readonly RuleShape[];
  /** Files that are not in order; what they had before stays in force. */
  readonly problems: readonly { readonly file: string; readonly problem: string }[];
}

/** Spans are milliseconds. */
export interface RuleShape {
  readonly id: string;
  readonly name: string;
  /** Empty for rules without levels. */
  readonly level: string;
  readonly severity: Severity;
  /** Where it stands; `built-in` for what the collector makes of its settings. */
  readonly file: string;
  /** PromQL; null for rules on presence. */
  readonly query: string | null;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly threshold: number | null;
  readonly recovery: number | null;
  /** The objects that it is for as a selector, empty for all that no other rule takes. */
  readonly only: string;
  /** Who gave these objects a level of their own, and why; null for the rule for all others. */
  readonly origin: { readonly name: string; readonly author: string; readonly reason: string } | null;
  /** Pending and firing alerts. */
  readonly alertCount: number;
  /** Why it could not be evaluated the last time; null when it could. */
  readonly lastError: string | null;
}

/** `GET /v1/silences?state=` */
export interface SilencesAnswer {
  readonly silences: readonly SilenceShape[];
}

/** When a maintenance window is open; see docs/alerting.md. */
export type MaintenanceSchedule =
  | { readonly kind: 'once'; readonly startsMs: number; readonly endsMs: number }
  | {
      readonly kind: 'recurring';
      readonly firstLocal: string;
      readonly timeZone: string;
      readonly rule: string;
      readonly durationMs: number;
    };

/** Planned work, once or again and again. */
export interface MaintenanceWindowShape {
  readonly id: string;
  readonly name: string;
  /** Empty for everything. */
  readonly matchers: readonly LabelMatcherShape[];
  readonly schedule: MaintenanceSchedule;
  readonly createdBy: string;
  readonly comment: string;
  readonly updatedMs: number;
  readonly isOpen: boolean;
  /** When it is open, or opens next; both `null` when never again. */
  readonly startsMs: number | null;
  readonly endsMs: number | null;
}

/** `GET /v1/maintenance` */
export interface MaintenanceAnswer {
  readonly windows: readonly MaintenanceWindowShape[];
}

/** Who is told of incidents that fit; see docs/alerting.md. */
export interface RouteShape {
  readonly name: string;
  /** Empty for everything. */
  readonly matchers: readonly LabelMatcherShape[];
  readonly actions: readonly Severity[];
  readonly receivers: readonly string[];
  readonly fallback: string | null;
  readonly groupBy: readonly string[];
  readonly groupWaitMs: number;
  /** `null` for never. */
  readonly repeatIntervalMs: number | null;
  /** Whether the routes after it are asked too. */
  readonly continue: boolean;
}

/** `GET /v1/routes`, in the order in which they are asked; what none takes goes to all receivers. */
export interface RoutesAnswer {
  readonly routes: readonly RouteShape[];
}

/** `GET /v1/dependencies`: hosts that are reached through another one. */
export interface DependenciesAnswer {
  readonly dependencies: readonly {
    readonly matchers: readonly LabelMatcherShape[];
    /** Name of the host that they are reached through. */
    readonly parent: string;
    readonly graceMs: number;
  }[];
}

/** `GET /v1/status` */
export interface StatusAnswer {
  readonly version: string;
  readonly startedMs: number;
  readonly nowMs: number;
  readonly hostCount: number;
  readonly connectedAgents: number;
  readonly isInsecure: boolean;
}

/** A query that has ended. */
export interface SlowQuery {
  readonly text: string;
  readonly isRange: boolean;
  readonly endedMs: number;
  /** Waiting for its turn included. */
  readonly durationMs: number;
  /** Samples that it loaded. */
  readonly samples: number;
  /** The code of its error, `null` when it had none. */
  readonly error: string | null;
}

/** `GET /v1/queries/slow` */
export interface SlowQueriesAnswer {
  /** Of the last day, slowest first. */
  readonly queries: readonly SlowQuery[];
}

/** Every error of the API. */
export interface ErrorAnswer {
  readonly error: { readonly code: string; readonly message: string };
}
