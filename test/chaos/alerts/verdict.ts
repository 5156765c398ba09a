/** Judges what became of transitions: by what the collector wrote down, what the receivers got, and what there was to tell. */
import type { Arrival } from './receivers.ts';

export interface WrittenTransition {
  readonly id: string;
  readonly incidentId: string;
  readonly sequence: number;
  readonly kind: string;
  /** The series that the alert is about; `null` for the incidents of delivery itself. */
  readonly series: string | null;
}

export interface WrittenRow {
  readonly transitionId: string;
  readonly incidentId: string;
  readonly receiver: string;
  readonly status: string;
  readonly reason: string | null;
  readonly digest: string | null;
}

export interface Evidence {
  /** How often each series went to and fro. */
  readonly flips: ReadonlyMap<string, number>;
  readonly receivers: readonly string[];
  /** By incident, in order of opening, and sequence. */
  readonly transitions: readonly WrittenTransition[];
  readonly rows: readonly WrittenRow[];
  readonly arrivals: readonly Arrival[];
  /** Messages that may come again after they were answered: those that a kill found under way. */
  readonly repeatsMax: number;
}

export interface AlertVerdict {
  /** Rows by what became of them. */
  readonly ends: Readonly<Record<string, number>>;
  /** Messages that came again after the receiver had said that it has them. */
  readonly repeats: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly wrong: readonly string[];
}

const ENDS: ReadonlySet<string> = new Set(['delivered', 'dead', 'superseded', 'suppressed']);

export function judge(evidence: Evidence): AlertVerdict {
  const { rows, repeatsMax } = evidence;
  const ledger = judgeLedger(evidence);
  const delivery = judgeRows(evidence);
  const messages = judgeArrivals(evidence);
  const tooMany = messages.repeats > repeatsMax ? [`${messages.repeats} messages came again`] : [];
  const counts = Map.groupBy(rows, ({ status, digest }) => (digest === null ? status : 'in a digest'));
  return {
    ends: Object.fromEntries([...counts].map(([end, { length }]) => [end, length])),
    repeats: messages.repeats,
    lost: [...ledger.lost, ...delivery.lost],
    doubled: [...ledger.doubled, ...messages.doubled, ...tooMany],
    wrong: [...delivery.wrong, ...messages.wrong],
  };
}

/** One transition for each change of a series, fired and resolved by turns. */
function judgeLedger({ flips, transitions }: Evidence) {
  const lost: string[] = [];
  const doubled: string[] = [];
  const bySeries = Map.groupBy(transitions, ({ series }) => series);
  for (const [series, count] of flips) {
    const kinds = (bySeries.get(series) ?? []).map(({ kind }) => kind);
    const told = `${series} changed ${count} times: ${kinds.join(' ')}`;
    if (kinds.length < count) lost.push(told);
    else if (kinds.some((kind, i) => kind !== (i % 2 === 0 ? 'fired' : 'resolved')) || kinds.length > count)
      doubled.push(told);
  }
  return { lost, doubled };
}

/** Each transition has come to an end at each receiver, and what was not sent says why. */
function judgeRows({ transitions, rows, receivers, arrivals }: Evidence) {
  const lost: string[] = [];
  const wrong: string[] = [];
  const taken = new Set(
    arrivals.filter(({ answer }) => answer === 'taken').map(({ receiver, id }) => `${id} at ${receiver}`),
  );
  const came = new Set(arrivals.map(({ receiver, id }) => `${id} at ${receiver}`));
  const told = new Set(
    rows
      .filter(({ status }) => status === 'delivered' || status === 'dead')
      .map(({ incidentId, receiver }) => `${incidentId} at ${receiver}`),
  );
  const watched = new Set(transitions.filter(({ series }) => series !== null).map(({ id }) => id));
  for (const { transitionId, incidentId, receiver, status, reason, digest } of rows) {
    const what = `${transitionId} at ${receiver}`;
    if (!ENDS.has(status)) lost.push(`${what} is still ${status}`);
    else if (status === 'delivered' && !taken.has(what)) lost.push(`${what} is delivered and never came`);
    else if (status !== 'delivered' && (reason ?? '') === '')
      wrong.push(`${what} is ${status}, nobody says why`);
    // What is told with something else must be told there.
    if (status === 'superseded' && !told.has(`${digest ?? incidentId} at ${receiver}`))
      lost.push(`${what}: what was to tell of it was not told`);
    if (status === 'suppressed' && watched.has(transitionId) && !reason?.startsWith('part of digest'))
      wrong.push(`${what} is suppressed: ${reason}`);
    if ((status === 'superseded' || status === 'suppressed') && came.has(what))
      wrong.push(`${what} is ${status} and came all the same`);
  }
  const known = new Set(rows.map(({ transitionId, receiver }) => `${transitionId} at ${receiver}`));
  for (const id of watched) {
    for (const receiver of receivers) {
      const what = `${id} at ${receiver}`;
      if (!known.has(what)) lost.push(`${what} has no row`);
    }
  }
  return { lost, wrong };
}

/** Messages come in order, are the same each time, and are about what was written down. */
function judgeArrivals({ transitions, arrivals }: Evidence) {
  const doubled: string[] = [];
  const wrong: string[] = [];
  const written = new Map(transitions.map((transition) => [transition.id, transition]));
  const latest = new Map<string, number>();
  const bodies = new Map<string, string>();
  const ids = new Map<string, string>();
  const answered = new Set<string>();
  let repeats = 0;
  for (const { receiver, id, incidentId, sequence, body, answer } of arrivals) {
    const what = `${id} at ${receiver}`;
    const transition = written.get(id);
    if (transition?.incidentId !== incidentId || transition.sequence !== sequence)
      wrong.push(`${what} tells of ${incidentId} ${sequence}, which was not written down so`);
    const incident = `${incidentId} at ${receiver}`;
    if (sequence < (latest.get(incident) ?? 0)) wrong.push(`${what} came after a later one of its incident`);
    latest.set(incident, Math.max(sequence, latest.get(incident) ?? 0));
    if ((bodies.get(what) ?? body) !== body) wrong.push(`${what} came with another text`);
    bodies.set(what, body);
    const place = `${incident} ${sequence}`;
    if ((ids.get(place) ?? id) !== id) doubled.push(`${what}: its transition came under another id before`);
    ids.set(place, id);
    if (answered.has(what)) repeats++;
    if (answer === 'taken' || answer === 'refused') answered.add(what);
  }
  return { doubled, wrong, repeats };
}
