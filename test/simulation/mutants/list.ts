/**
 * Deliberate bugs. Each must be caught by the simulation within a few seeds; one that survives means that the simulation
 * is weak, not that the product is good. Long, because it is one list.
 */

import type { Fault } from '../plan.ts';

export interface Mutant {
  readonly name: string;
  /** What it takes several faults at once to see: every other seed has these. */
  readonly emphasis?: readonly Fault[];
  readonly edits: readonly Edit[];
}

interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  /** Text that stands in the file exactly once, and what it becomes. */
  readonly from: string;
  readonly to: string;
}

const JOURNAL = 'collector/src/journal';
const GATEWAY = 'collector/src/gateway';
const LINK = 'agent/src/link';
const SPOOL = 'agent/src/spool';
const ALERTING = 'collector/src/alerting';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'ack before commit',
    edits: [
      {
        file: `${JOURNAL}/open-journal.ts`,
        from: `    try {
      await this.#store.commit(batch);`,
        to: `    group.settle(batch);
    try {
      await this.#store.commit(batch);`,
      },
    ],
  },
  {
    name: 'watermark outside the transaction of its data',
    edits: [
      {
        file: `${JOURNAL}/sqlite-store.ts`,
        from: `return this.#change(() => this.#writes.write(batch));`,
        to: `const late = this.late ?? [];
    this.late = batch.records;
    return this.#change(() => this.#writes.write({ ...batch, records: late }));`,
      },
    ],
  },
  {
    name: 'a failed commit is acknowledged',
    edits: [
      {
        file: `${JOURNAL}/open-journal.ts`,
        from: `      this.#fail(group, error);
      return;`,
        to: `      this.#fail(new CommitGroup(), error);`,
      },
    ],
  },
  {
    name: 'welcome before the older session is settled',
    edits: [
      {
        file: `${JOURNAL}/open-journal.ts`,
        from: `if (this.#open.hasAgent(agentId) || this.#inFlight?.hasAgent(agentId) === true) await this.#settle();`,
        to: ``,
      },
    ],
  },
  {
    name: 'older session not fenced, neither by the gateway nor by the journal',
    edits: [
      {
        file: `${GATEWAY}/gateway.ts`,
        from: `    older?.dispatch({
      kind: 'end',
      code: 'SUPERSEDED',
      text: 'a newer session of this agent has taken over',
    });`,
        to: `    void older;`,
      },
      {
        file: `${JOURNAL}/open-journal.ts`,
        from: `    this.#sessions.get(agentId)?.close();`,
        to: ``,
      },
    ],
  },
  {
    name: 'duplicates accepted',
    edits: [
      {
        file: `${JOURNAL}/apply.ts`,
        from: `if (crc === undefined || crc === record.crc) return { kind: 'duplicate' };`,
        to: `if (crc === record.crc) return judgeBody(lane, record, received);`,
      },
    ],
  },
  {
    name: 'holes accepted',
    edits: [
      {
        file: `${JOURNAL}/apply.ts`,
        from: `if (seq > watermark + 1) {`,
        to: `if (seq > watermark + 1_000_000) {`,
      },
    ],
  },
  {
    name: 'gap counts off by one at the collector',
    edits: [
      {
        file: `${JOURNAL}/apply.ts`,
        from: `lostTicks: Math.max(0, gap.ticksThrough - lane.mark.ticks),`,
        to: `lostTicks: Math.max(0, gap.ticksThrough - lane.mark.ticks) + 1,`,
      },
    ],
  },
  {
    name: 'gap counts not trimmed at the watermark',
    edits: [
      {
        file: `${JOURNAL}/apply.ts`,
        from: `lostSamples: Math.max(0, gap.samplesThrough - lane.mark.samples),`,
        to: `lostSamples: gap.samplesThrough,`,
      },
    ],
  },
  {
    name: 'watermark one past a gap',
    edits: [
      {
        file: `${JOURNAL}/lane.ts`,
        from: `mark.watermark = gap.to;`,
        to: `mark.watermark = gap.to + 1;`,
      },
    ],
  },
  {
    name: 'rejected record does not move the watermark',
    emphasis: ['clock of an agent', 'reboot agent', 'partition'],
    edits: [
      {
        file: `${JOURNAL}/session.ts`,
        from: `  lane.advance(record, 'rejected', verdict);`,
        to: ``,
      },
    ],
  },
  {
    name: 'a wrong clock of the collector judges times',
    edits: [
      {
        file: `${JOURNAL}/clock-guard.ts`,
        from: `nowMs: this.#newestReceivedMs, isTrusted: !isBehind && monoMs >= this.#trustedFromMonoMs`,
        to: `nowMs, isTrusted: true`,
      },
    ],
  },
  {
    name: 'a restart forgets that the clock is behind',
    edits: [
      {
        file: `${JOURNAL}/clock-guard.ts`,
        from: `nowMs: this.#newestReceivedMs,`,
        to: `nowMs,`,
      },
    ],
  },
  {
    name: 'a wrong wall clock is believed',
    edits: [
      {
        file: `${JOURNAL}/boot-time.ts`,
        from: `return isRight(before) || isRight(after) ? wallMs :`,
        to: `return isRight(before) || isRight(after) || true ? wallMs :`,
      },
    ],
  },
  {
    name: 'a boot clock is taken for one that stops while the machine sleeps',
    emphasis: ['suspend agent', 'clock of an agent'],
    edits: [
      {
        file: 'agent/src/link/handshake.ts',
        from: `upMs: Math.max(0, Math.round(clock.bootMs())),`,
        to: `upMs: Math.max(0, Math.round(clock.monoMs())),`,
      },
    ],
  },
  {
    name: 'what was measured of a boot clock is not stored',
    emphasis: ['clock of an agent', 'reboot agent', 'partition'],
    edits: [
      {
        file: `${JOURNAL}/session.ts`,
        from: `group.measuredLane(lane.mark.id);`,
        to: ``,
      },
    ],
  },
  {
    name: 'journal never tries to write again',
    edits: [
      {
        file: `${JOURNAL}/open-journal.ts`,
        from: `    this.#probeLater(0);`,
        to: ``,
      },
    ],
  },
  {
    name: 'credit never returned',
    edits: [
      {
        file: `${GATEWAY}/credit.ts`,
        from: `    pendingBytes: credit.pendingBytes - storedBytes,`,
        to: `    pendingBytes: credit.pendingBytes,`,
      },
    ],
  },
  {
    name: 'credit falls',
    edits: [
      {
        file: `${GATEWAY}/credit.ts`,
        from: `return limitBytes > credit.limitBytes ? { ...credit, limitBytes } : credit;`,
        to: `return { ...credit, limitBytes };`,
      },
    ],
  },
  {
    name: 'no new credit after the disk was full',
    edits: [
      {
        file: `${GATEWAY}/gateway.ts`,
        from: `    this.#isWritable = this.#options.journal.stats().isWritable;`,
        to: ``,
      },
    ],
  },
  {
    name: 'a silent host stays up',
    edits: [
      {
        file: 'collector/src/fleet/presence-machine.ts',
        from: `return { ...presence, untilMs: nowMs + settings.silenceMs };`,
        to: `return { ...presence, untilMs: Number.POSITIVE_INFINITY };`,
      },
    ],
  },
  {
    name: 'presence by the wall clock',
    edits: [
      {
        file: 'collector/src/fleet/presence.ts',
        from: `return monoMs - this.#stalledMs;`,
        to: `return this.#clock.wallMs() - this.#stalledMs;`,
      },
    ],
  },
  {
    name: 'records do not count as a sign of life',
    edits: [
      {
        file: `${GATEWAY}/connection.ts`,
        from: `if (this.isOpen) this.#shared.presence.heard(this.#agentId);`,
        to: ``,
      },
    ],
  },
  {
    name: 'agent ignores credit',
    edits: [
      {
        file: `${LINK}/session.ts`,
        from: `if (lane === undefined || credit <= 0 || connection.isBlocked) return { state, effects };`,
        to: `if (lane === undefined || connection.isBlocked) return { state, effects };`,
      },
    ],
  },
  {
    name: 'agent takes what it sent for acknowledged',
    edits: [
      {
        file: `${LINK}/uplink.ts`,
        from: `    this.#stats.batchesSent++;`,
        to: `    this.#options.spool.acknowledge(epochId, nextSeq - 1);
    this.#stats.batchesSent++;`,
      },
    ],
  },
  {
    name: 'agent goes on one number too far',
    edits: [
      {
        file: `${LINK}/session.ts`,
        from: `      nextSeq: watermark + 1,`,
        to: `      nextSeq: watermark + 2,`,
      },
    ],
  },
  {
    name: 'agent waits for ever for a silent collector',
    edits: [
      {
        file: `${LINK}/session.ts`,
        from: `if (at.monoMs >= connection.lastReceivedMs + silenceMsMax(connection)) {`,
        to: `if (at.monoMs < 0) {`,
      },
    ],
  },
  {
    name: 'agent waits for ever for an answer to its dial',
    edits: [
      {
        file: `${LINK}/session.ts`,
        from: `      return end(state, at, endedBy('no answer from the collector in time'), [{ kind: 'terminate' }]);`,
        to: `      return stay(state);`,
      },
    ],
  },
  {
    name: 'back-off without a cap',
    edits: [
      {
        file: `${LINK}/ending.ts`,
        from: `const BACKOFF = { baseMs: 1_000, factor: 2, maxMs: 60_000 };`,
        to: `const BACKOFF = { baseMs: 1_000, factor: 20, maxMs: 86_400_000 };`,
      },
    ],
  },
  {
    name: 'session goes on in an epoch that it does not know',
    edits: [
      {
        file: `${LINK}/session.ts`,
        from: `if (!isKnown) return reopen(state, at, { reason: 'epoch', effects: [] });`,
        to: `if (!isKnown) return stay(state);`,
      },
    ],
  },
  {
    name: 'a blocked socket stays blocked',
    emphasis: ['clog to the collector', 'slow network'],
    edits: [
      {
        file: `${LINK}/session.ts`,
        from: `return { ...state, connection: { ...state.connection, isBlocked: false } };`,
        to: `return state;`,
      },
    ],
  },
  {
    name: 'a missed tick is not counted',
    edits: [
      {
        file: 'agent/src/scheduler/scheduler.ts',
        from: `    this.#missed.overrun += skipped;`,
        to: ``,
      },
    ],
  },
  {
    name: 'gap ends one number early',
    edits: [
      {
        file: `${SPOOL}/epoch.ts`,
        from: `    this.#segments.splice(this.#segments.indexOf(segment), 1);
    this.#addGap(whole, {`,
        to: `    this.#segments.splice(this.#segments.indexOf(segment), 1);
    this.#addGap({ ...whole, to: Math.max(whole.from, whole.to - 1) }, {`,
      },
    ],
  },
  {
    name: 'segment dropped without a gap',
    edits: [
      {
        file: `${SPOOL}/epoch.ts`,
        from: `    this.#segments.splice(this.#segments.indexOf(segment), 1);
    this.#addGap(whole, { segment, replaced: inside.map(({ from }) => from) });`,
        to: `    this.#segments.splice(this.#segments.indexOf(segment), 1);
    void inside;`,
      },
    ],
  },
  {
    name: 'no copies of schemas at the start of a segment',
    edits: [
      {
        file: `${SPOOL}/record-spool.ts`,
        from: `    for (const numbered of this.#schemas.inForce()) this.#writeSchema(numbered);`,
        to: `    for (const { number } of this.#schemas.inForce()) this.#written.add(number);`,
      },
    ],
  },
  {
    name: 'durable: sent before the sync, and the epoch kept over a boot',
    emphasis: ['slow disk', 'power cut of an agent'],
    edits: [
      {
        file: `${SPOOL}/durable.ts`,
        from: `    if (!mustWait) return Number.POSITIVE_INFINITY;`,
        to: `    return Number.POSITIVE_INFINITY;`,
      },
      {
        file: `${SPOOL}/durable.ts`,
        from: `if (sync !== 'always' || !isOnShelf) this.#onAppend();`,
        to: `this.#onAppend();`,
      },
      {
        file: `${SPOOL}/recover.ts`,
        from: `newest?.epoch.bootId === bootId && `,
        to: ``,
      },
    ],
  },
  {
    name: 'durable: nothing is synced',
    edits: [
      {
        file: `${SPOOL}/disk-shelf.ts`,
        from: `    try {
      await open.file.sync();
      open.isDoubtful = false;
    } catch (error) {`,
        to: `    try {
      open.isDoubtful = false;
    } catch (error) {`,
      },
    ],
  },
  {
    name: 'durable: folders are not synced',
    edits: [
      {
        file: `${SPOOL}/disk-shelf.ts`,
        from: `[this.#epochDir(open.epochId), dir, dirname(dir)]) await disk.syncDir(each);`,
        to: `[this.#epochDir(open.epochId), dir, dirname(dir)]) void each;`,
      },
      {
        file: `${SPOOL}/disk-shelf.ts`,
        from: `[this.#epochDir(epochId), dir, dirname(dir)]) await disk.syncDir(each);`,
        to: `[this.#epochDir(epochId), dir, dirname(dir)]) void each;`,
      },
    ],
  },
  {
    name: 'durable: a sync that failed is tried again',
    emphasis: ['failing syncs', 'power cut of an agent', 'partition'],
    edits: [
      {
        file: `${SPOOL}/disk-shelf.ts`,
        from: `      await this.#rewrite(segment, open);
      through = segment.lastSeq;`,
        to: `      through = segment.lastSeq;`,
      },
    ],
  },
  {
    name: 'durable: segment removed before its gap is durable',
    emphasis: ['small spool', 'changing series', 'partition', 'slow disk', 'kill agent', 'death at a write'],
    edits: [
      {
        file: `${SPOOL}/disk-shelf.ts`,
        from: `      if (newest !== undefined) await this.#writeGap(epochId, newest);`,
        to: `      if (segment !== undefined) this.#discard(segment);
      if (newest !== undefined) await this.#writeGap(epochId, newest);`,
      },
    ],
  },
  {
    name: 'durable: gaps are not read at the start',
    emphasis: ['small spool', 'partition', 'kill agent'],
    edits: [
      {
        file: `${SPOOL}/recover.ts`,
        from: `    gaps.push({ from: record.seq,`,
        to: `    void ({ from: record.seq,`,
      },
    ],
  },
  {
    name: 'durable: what lies behind a damage is ignored',
    emphasis: ['bit rot', 'kill agent', 'cut'],
    edits: [
      {
        file: `${SPOOL}/segment-format.ts`,
        from: `      offset++;
      continue;`,
        to: `      break;`,
      },
    ],
  },
  {
    name: 'durable: acknowledged records are not kept',
    emphasis: ['collector rollback', 'cut'],
    edits: [
      {
        file: `${SPOOL}/durable.ts`,
        from: `mayFree: (epoch, newest) => !epoch.isOnShelf || this.#ageMs(epoch, newest) >= this.#retentionMs,`,
        to: `mayFree: () => true,`,
      },
    ],
  },
  {
    name: 'durable: number used twice after a restart',
    edits: [
      {
        file: `${SPOOL}/segment-format.ts`,
        from: `    lastSeq = entry.seq;`,
        to: `    lastSeq = entry.seq;
    if (offset + ENTRY_PREFIX_BYTES + entry.bytes.length === bytes.length && entries.length > 1) entries.pop();`,
      },
    ],
  },
  {
    name: 'checksums of the collector ignored',
    edits: [
      {
        file: `${LINK}/reconcile.ts`,
        from: `    else isForked = true;`,
        to: ``,
      },
    ],
  },
  {
    name: 'generation not stored',
    edits: [
      {
        file: `${LINK}/uplink.ts`,
        from: `      identity.store({ generation, storeId, binding });`,
        to: `      void binding;`,
      },
    ],
  },
  {
    name: 'durable: an epoch that cannot be read is deleted',
    emphasis: ['failing reads', 'kill agent', 'partition'],
    edits: [
      {
        file: `${SPOOL}/recover.ts`,
        from: `if (unreadable.length === 0) removeTree(disk, dir);`,
        to: `removeTree(disk, dir);`,
      },
    ],
  },
  {
    name: 'durable: what was found is not synced',
    emphasis: ['kill agent', 'freeze agent', 'power cut of an agent', 'partition'],
    edits: [
      {
        file: `${SPOOL}/durable.ts`,
        from: `this.#shelf.secure(id, segments, replaced.get(id));`,
        to: `void [id, segments, replaced];`,
      },
    ],
  },
  {
    name: 'durable: memory mode keeps the epoch',
    emphasis: ['disk full', 'kill agent', 'partition'],
    edits: [
      {
        file: `${SPOOL}/record-spool.ts`,
        from: `    this.#shelf = undefined;
    this.beginEpoch();
  }

  /**
   * Moves`,
        to: `    this.#shelf = undefined;
    this.current.leaveShelf();
  }

  /**
   * Moves`,
      },
      {
        file: `${SPOOL}/epoch.ts`,
        from: `  get segmentCount(): number {`,
        to: `  leaveShelf(): void {
    this.#shelf = undefined;
  }

  get segmentCount(): number {`,
      },
    ],
  },
  {
    name: 'an agent that sleeps while it stops goes on',
    emphasis: ['restart agent', 'suspend agent', 'slow network', 'clog to the agent'],
    edits: [
      {
        file: `${LINK}/session.ts`,
        from: `  if (state.phase === 'DRAINING' && state.isStopping) return stopped(state, [{ kind: 'terminate' }]);`,
        to: ``,
      },
    ],
  },
  {
    name: 'generation not checked',
    emphasis: ['clone of an agent'],
    edits: [
      {
        file: `${GATEWAY}/hello.ts`,
        from: `  if (generation < host.generation) return 'behind';`,
        to: ``,
      },
    ],
  },
  {
    name: 'alerts: an attempt is not noted before it is made',
    edits: [
      {
        file: `${ALERTING}/outbox/worker.ts`,
        from: `const attempt = rows.begin(row, clock.wallMs(), clock.monoMs());`,
        to: `const attempt = { id: 0, row, number: row.attempts + 1, startedMonoMs: clock.monoMs() };`,
      },
    ],
  },
  {
    name: 'alerts: resolved may pass fired',
    edits: [
      {
        file: `${ALERTING}/outbox/rows.ts`,
        from: `WHERE o.receiver = ? AND o.\${UNSENT} AND o.status <> 'sending' AND NOT EXISTS (`,
        to: `WHERE o.receiver = ? AND o.\${UNSENT} AND o.status <> 'sending' AND NOT 0 * EXISTS (`,
      },
    ],
  },
  {
    name: 'alerts: an alert ends when its data stop',
    edits: [
      {
        file: `${ALERTING}/rules/decide.ts`,
        from: `?? { kind: 'unknown' };`,
        to: `?? { kind: 'cleared', value: null };`,
      },
    ],
  },
  {
    name: 'alerts: gone without the wait for it',
    edits: [
      {
        file: `${ALERTING}/rules/decide.ts`,
        from: `if (input.nowMonoMs - goneSinceMonoMs < input.limits.goneAfterMs) {`,
        to: `if (input.nowMonoMs < 0) {`,
      },
    ],
  },
  {
    name: 'alerts: attempts that a crash cut off are forgotten',
    edits: [
      {
        file: `${ALERTING}/outbox/rows.ts`,
        from: `    if (lost.length === 0) return [];`,
        to: `    if (lost.length >= 0) return [];`,
      },
    ],
  },
  {
    name: 'a HELLO names its host, and nobody asks for the signature',
    edits: [
      {
        file: `${GATEWAY}/hello.ts`,
        from: `const key = this.#keyOf(signed, host, peer);`,
        to: `const key = this.#keyOf(signed, host, peer) ?? 'current';`,
      },
    ],
  },
  {
    name: 'alerts: what a rule remembers is written after its incident',
    edits: [
      {
        file: `${ALERTING}/incidents/incidents.ts`,
        from: `  const open = (loaded: LoadedRule, change: Change & { kind: 'fire' }, nowMs: number) => {`,
        to: `  const late: (() => void)[] = [];
  const open = (loaded: LoadedRule, change: Change & { kind: 'fire' }, nowMs: number) => {`,
      },
      {
        file: `${ALERTING}/incidents/incidents.ts`,
        from: `    instanceRows.put(ruleId(loaded.rule), instance);`,
        to: `    late.push(() => instanceRows.put(ruleId(loaded.rule), instance));`,
      },
      {
        file: `${ALERTING}/incidents/incidents.ts`,
        from: `      else write();`,
        to: `      else write();
      for (const put of late.splice(0)) database.transaction(put);`,
      },
    ],
  },
  {
    name: 'alerts: an incident ends before the rule forgets it',
    edits: [
      {
        file: `${ALERTING}/incidents/incidents.ts`,
        from: `    instanceRows.deleteByIncident(incidentId);
    return rows.end(`,
        to: `    return rows.end(`,
      },
    ],
  },
  {
    name: 'settings: a trial is in force at the next start',
    edits: [
      {
        file: 'agent/src/config/remote-config.ts',
        from: `this.#current = current === null ? undefined : this.#opened(current);`,
        to: `const newest = trial?.signed ?? current;
    this.#current = newest === null ? undefined : this.#opened(newest);`,
      },
    ],
  },
  {
    name: 'settings: told before they are kept',
    emphasis: ['kill agent', 'cut'],
    edits: [
      {
        file: 'agent/src/config/remote-config.ts',
        from: `if (!this.#store({ current: bytes, trial: null, refused: null })) {`,
        to: `if (bytes.length === 0) {`,
      },
    ],
  },
  {
    name: 'settings: the collector does not go above an agent that is ahead',
    emphasis: ['collector rollback'],
    edits: [
      {
        file: 'collector/src/fleet/agent-configs.ts',
        from: `Math.max(this.#options.clock.wallMs(), (before?.version ?? 0) + 1, agentVersion + 1);`,
        to: `(before?.version ?? 0) + 1;`,
      },
    ],
  },
  {
    name: 'the key before is forgotten',
    edits: [
      {
        file: `${LINK}/key-ring.ts`,
        from: `next: null, previous: current };`,
        to: `next: null, previous: null };`,
      },
    ],
  },
];
