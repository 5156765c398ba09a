/** Every bound of alerting: name, unit, default. A test or a setting overrides single ones. */
export const ALERTING_LIMITS = {
  /** Pause between two evaluations of all rules. */
  evaluationIntervalMs: 5_000,
  /** A rule with an expression of the collector's own is looked at so often within its hold time, and at least at this pause. */
  looksPerHold: 10,
  lookPauseMsMax: 60_000,
  /** Samples are looked at this long after the first of them came, for rules without hold time … */
  quickDelayMs: 50,
  /** … and then not again for this long, … */
  quickPauseMsMin: 500,
  /** … or for this many times what the look took: 20 is one twentieth of a core at most. */
  quickPauseFactor: 20,
  /** Longest that one query of a rule may take. */
  evaluationTimeoutMs: 10_000,
  /** A nudge waits this long for others to join it, … */
  nudgeDelayMs: 100,
  /** … or this many times what the look before it took: 20 is one twentieth of a core at most. */
  nudgePauseFactor: 20,
  /** Data older than this prove nothing: alerts of their host are held. */
  dataAgeMsMax: 120_000,
  /** A series must be missing from fresh data for this long before its alert ends as "gone". */
  goneAfterMs: 300_000,
  /** A pending alert that was not confirmed for this long starts its hold time anew. */
  pendingGapMsMax: 120_000,
  /** How often the folder of rule files is looked through for changes. */
  ruleFilesPollMs: 10_000,
  /** Distance of the samples of `ALERTS` while nothing changes. */
  alertSeriesIntervalMs: 15_000,
  /** Hosts that are named one by one when evidence is looked for; beyond it the whole fleet is asked. */
  evidenceHostsMax: 100,
  /** Hosts that a rule names when it asks more closely; beyond it the whole fleet is asked. */
  suspectHostsMax: 200,
  /** Pending and firing alerts of one rule; further ones are not tracked, but counted. */
  instancesPerRuleMax: 10_000,

  /** How often the same alert is told within an hour before it must stay to be told again. */
  firesPerHourMax: 6,
  /** Incidents that a receiver is told of one by one within a minute; further ones are told in a digest. */
  stormPerMinuteMax: 30,
  /** How long such a digest gathers, when it begins with a page and with anything else. */
  stormWaitPageMs: 10_000,
  stormWaitOtherMs: 30_000,
  /** How long a receiver has for a page, and for anything else, before the fallback of its route is told too. */
  fallbackAfterPageMs: 120_000,
  fallbackAfterOtherMs: 600_000,

  /** Receivers; times `concurrencyPerReceiver` this bounds the requests under way. */
  receiversMax: 16,
  concurrencyPerReceiver: 4,
  /** Rows of one receiver that are not yet delivered; a row beyond is a dead letter at once. */
  unsentPerReceiverMax: 20_000,
  /** After this many failures in a row a receiver gets one probe at a time. */
  breakerFailures: 5,
  /** A notification that could not be delivered for this long becomes a dead letter. */
  giveUpAfterMs: 24 * 3_600_000,
  /** Longest wait that a receiver may ask for with `Retry-After`. */
  retryAfterMsMax: 15 * 60_000,
  /** Longest attempt, over and above the receiver's own deadlines. */
  attemptDeadlineMs: 20_000,
  /** The outbox is looked through at least this often, whatever the clock says. */
  sweepIntervalMs: 30_000,
  /** How long a stop waits for requests under way. */
  stopDrainMs: 3_000,

  titleLengthMax: 256,
  descriptionLengthMax: 2_000,

  /** Comments and acknowledgements of one incident. */
  personTransitionsPerIncidentMax: 500,
  personNameLengthMax: 64,
  commentLengthMax: 4_000,
  endReasonLengthMax: 256,
  /** Longest acknowledgement that has an end. */
  acknowledgeMsMax: 30 * 24 * 3_600_000,
  /** Evidence: how far a curve reaches back from the opening of an incident, and its points. */
  evidenceHistoryMs: 3_600_000,
  evidencePointsMax: 60,
  evidenceChangesMax: 30,
  /** How old the busiest programs of a host may be: under steady strain they are told every five minutes. */
  evidenceProcessesMs: 600_000,
  evidenceTextLengthMax: 200,
  /** Incidents whose evidence waits to be taken, and is being taken. */
  evidenceQueueMax: 500,
  evidenceConcurrency: 2,
  /** How long a message waits for evidence that is being taken. */
  evidenceWaitMs: 2_000,
  /** Steps of escalation that are taken, or held back, in one turn. */
  escalationsPerTurnMax: 200,
  /** Steps that a silence or the like holds back are looked at again after so long. */
  escalationHoldMs: 60_000,
  /** Pause between as many steps, or looks at those held back, as one turn takes and the next ones: others have their turn. */
  escalationHeldPauseMs: 5,

  /** Resolved incidents are kept this long. */
  incidentAgeMsMax: 90 * 24 * 3_600_000,
  pruneBatchRows: 500,
  /** Incidents in one answer. */
  incidentsPerListMax: 1_000,
} as const;

export type AlertingLimits = Readonly<Record<keyof typeof ALERTING_LIMITS, number>>;
