/**
 * The conservation oracle for real processes. Every tick carries the agent's own count of ticks since its start, so a
 * stored value proves which tick it is; what stood in a spool when its process was killed is the second witness.
 */
import { DatabaseSync } from 'node:sqlite';
import { decodeRecord, RECORD_FLAG, RECORD_KIND, recordBody } from '@rollcall/shared/protocol/record.ts';
import { decodeSamples } from '@rollcall/shared/protocol/samples.ts';
import { decodeSchema, type HashedSchema } from '@rollcall/shared/protocol/schema.ts';

const TAKEN = 'rollcall_agent_ticks_taken_total';

/** The lane of what the collector writes itself, which is always fresh. */
const COLLECTOR = '0'.repeat(32);

/** Between the reading of a tick and its arrival, while nothing is in its way. */
const LATE_MS_MAX = 10_000;

/** A record that stood in a spool: its epoch, its number and its checksum. */
export interface SpooledRecord {
  readonly epochId: string;
  readonly seq: number;
  readonly crc: number;
}

export interface ChaosVerdict {
  readonly ticks: number;
  readonly declared: number;
  readonly rejected: number;
  /** Records of spools that were looked for. */
  readonly witnessed: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly wrong: readonly string[];
}

interface StoredTick {
  readonly agentId: string;
  readonly epochId: string;
  readonly seq: number;
  readonly timeMs: number;
  readonly isFirst: boolean;
  readonly taken: number;
}

type Row = Readonly<Record<string, unknown>>;

/**
 * @param options.hasForked histories were copied or set back, so a tick may stand in two epochs
 */
export function judgeJournal(options: {
  readonly path: string;
  readonly spooled: readonly SpooledRecord[];
  readonly hasForked: boolean;
}): ChaosVerdict {
  const database = new DatabaseSync(options.path, { readOnly: true });
  try {
    const all = (sql: string): Row[] => database.prepare(sql).all();
    const ticks = ticksOf(all);
    const gaps = all('SELECT g.*, l.epoch FROM gaps g JOIN lanes l ON l.id = g.lane');
    const rejects = all('SELECT r.*, l.epoch FROM rejects r JOIN lanes l ON l.id = r.lane');
    const declared = gaps.reduce((sum, row) => sum + numberOf(row, 'ticks'), 0);
    const runs = options.hasForked ? [] : runsOf(ticks);
    const holes = runs.flatMap((run) => holesOf(run));
    const mayBeMissing = declared + rejects.length;
    const lost = holes.length > mayBeMissing ? holes : [];
    return {
      ticks: ticks.length,
      declared,
      rejected: rejects.length,
      witnessed: options.spooled.length,
      lost: [...lost, ...missingRecords(all, options.spooled, [...gaps, ...rejects])],
      doubled: runs.flatMap((run) => doublesOf(run)),
      wrong: wrongLanes(all),
    };
  } finally {
    database.close();
  }
}

/** Time of the newest tick of each agent; the collector is none. */
export function newestTicks(path: string): ReadonlyMap<string, number> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const rows: Row[] = database
      .prepare(
        `SELECT l.agent, max(r.time_ms) AS newest FROM records r JOIN lanes l ON l.id = r.lane
         WHERE r.kind = ${RECORD_KIND.SAMPLES} AND l.agent <> '${COLLECTOR}' GROUP BY l.agent`,
      )
      .all();
    return new Map(rows.map((row) => [String(row['agent']), numberOf(row, 'newest')]));
  } finally {
    database.close();
  }
}

/** Whether there is a tick that came as soon as it was taken, stands at that time, and says another one. */
export function hasCorrectedTick(path: string, wallErrorMs: number): boolean {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const rows: Row[] = database
      .prepare('SELECT time_ms, received_ms, bytes FROM records WHERE kind = ?')
      .all(RECORD_KIND.SAMPLES);
    return rows.some((row) => {
      const timeMs = numberOf(row, 'time_ms');
      const { wallMs } = decodeRecord(blobOf(row, 'bytes'), 0);
      const isTrue = Math.abs(timeMs - numberOf(row, 'received_ms')) < LATE_MS_MAX;
      return isTrue && Math.abs(wallMs - timeMs - wallErrorMs) < LATE_MS_MAX;
    });
  } finally {
    database.close();
  }
}

function ticksOf(all: (sql: string) => Row[]): StoredTick[] {
  const schemas = new Map<string, HashedSchema>();
  for (const row of all(
    'SELECT n.lane, n.number, s.bytes FROM schema_numbers n JOIN schemas s ON s.id = n.schema',
  )) {
    schemas.set(
      `${numberOf(row, 'lane')}/${numberOf(row, 'number')}`,
      decodeSchema(blobOf(row, 'bytes'), 'collector'),
    );
  }
  const rows = all(
    `SELECT r.lane, r.seq, r.bytes, l.agent, l.epoch FROM records r JOIN lanes l ON l.id = r.lane
     WHERE r.kind = ${RECORD_KIND.SAMPLES} AND l.agent <> '${COLLECTOR}' ORDER BY r.pos`,
  );
  return rows.map((row) => {
    const record = decodeRecord(blobOf(row, 'bytes'), 0);
    let taken = Number.NaN;
    for (const block of decodeSamples(recordBody(record), (number) =>
      schemas.get(`${numberOf(row, 'lane')}/${number}`),
    )) {
      if (block.kind !== 'values') continue;
      let index = 0;
      for (const { name, series } of block.schema.metrics) {
        if (name === TAKEN) taken = block.values[index] ?? Number.NaN;
        index += series.length;
      }
    }
    return {
      agentId: String(row['agent']),
      epochId: String(row['epoch']),
      seq: record.seq,
      timeMs: record.wallMs,
      isFirst: (record.flags & RECORD_FLAG.FIRST_AFTER_START) !== 0,
      taken,
    };
  });
}

/** The ticks of each process, in the order of their journal, which is that of the agent. */
function runsOf(ticks: readonly StoredTick[]): StoredTick[][] {
  const runs: StoredTick[][] = [];
  const current = new Map<string, StoredTick[]>();
  for (const tick of ticks) {
    let run = current.get(tick.agentId);
    const last = run?.at(-1);
    // The first record of a process may be among those that were declared lost.
    if (
      run === undefined ||
      tick.isFirst ||
      (last !== undefined && tick.taken < last.taken && tick.timeMs > last.timeMs)
    ) {
      run = [];
      runs.push(run);
      current.set(tick.agentId, run);
    }
    run.push(tick);
  }
  return runs;
}

function holesOf(run: readonly StoredTick[]): string[] {
  const taken = new Set(run.map((tick) => tick.taken));
  const [first] = run;
  const holes: string[] = [];
  for (let count = 1; count < Math.max(...taken); count++) {
    if (!taken.has(count)) holes.push(`tick ${count} of the process that began in epoch ${first?.epochId}`);
  }
  return holes;
}

function doublesOf(run: readonly StoredTick[]): string[] {
  const seen = new Set<number>();
  return run.flatMap(({ taken, epochId, seq }) => {
    const isDouble = seen.has(taken);
    seen.add(taken);
    return isDouble ? [`tick ${taken} again as ${epochId}#${seq}`] : [];
  });
}

/** Records that stood in a spool and are neither stored nor declared. */
function missingRecords(
  all: (sql: string) => Row[],
  spooled: readonly SpooledRecord[],
  accounted: readonly Row[],
): string[] {
  const stored = new Map(
    all('SELECT l.epoch, r.seq, r.crc FROM records r JOIN lanes l ON l.id = r.lane').map((row) => [
      `${String(row['epoch'])}#${numberOf(row, 'seq')}`,
      numberOf(row, 'crc'),
    ]),
  );
  const isAccounted = ({ epochId, seq }: SpooledRecord): boolean =>
    accounted.some((row) => {
      if (row['epoch'] !== epochId) return false;
      if (typeof row['seq'] === 'number') return row['seq'] === seq;
      return numberOf(row, 'from_seq') <= seq && seq <= numberOf(row, 'to_seq');
    });
  return spooled.flatMap((record) => {
    const { epochId, seq, crc } = record;
    const found = stored.get(`${epochId}#${seq}`);
    if (found === crc || (found === undefined && isAccounted(record))) return [];
    return [`record ${epochId}#${seq} of a spool is ${found === undefined ? 'missing' : 'another one'}`];
  });
}

function wrongLanes(all: (sql: string) => Row[]): string[] {
  return all('SELECT * FROM lanes WHERE watermark <> applied + rejected + gapped').map(
    (row) => `epoch ${String(row['epoch'])}: a number has no fate or two`,
  );
}

function numberOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`column ${column} is ${String(value)}`);
  return value;
}

function blobOf(row: Row, column: string): Buffer {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw new TypeError(`column ${column} is no blob`);
  return Buffer.from(value);
}
