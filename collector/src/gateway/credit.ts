/**
 * Credit: how many bytes of batches an agent may have sent since WELCOME. The limit is absolute and never lowered, so
 * a lost or repeated message cannot make it drift. Pure values.
 */

/** Records that wait for their commit. */
interface PendingBatch {
  readonly epochId: string;
  /** Highest number in it. */
  readonly seq: number;
  readonly bytes: number;
}

export interface Credit {
  /** Bytes of BATCH bodies that came in this session. */
  readonly receivedBytes: number;
  /** Of those, the ones that are not on stable storage yet. */
  readonly pendingBytes: number;
  readonly limitBytes: number;
  /** Oldest first; usually none or one. */
  readonly pending: readonly PendingBatch[];
}

/** @param windowBytes bytes that may be under way, 0 while nothing can be stored */
export function openCredit(windowBytes: number): Credit {
  return { receivedBytes: 0, pendingBytes: 0, limitBytes: windowBytes, pending: [] };
}

/**
 * Whether a batch breaks the rule that a record may start while less than the limit was sent.
 * @param lastRecordBytes size of the last record in the body of `bodyBytes`
 */
export function isOverCredit(
  credit: Credit,
  bodyBytes: number,
  lastRecordBytes: number,
  headerBytes: number,
): boolean {
  // An agent counts before it builds the batch, hence without the batch's own header.
  const startOfLastBytes = credit.receivedBytes + bodyBytes - lastRecordBytes - headerBytes;
  return startOfLastBytes >= credit.limitBytes;
}

/**
 * A batch came.
 * @param waits its epoch and highest number that waits for a commit, undefined when none does: all were duplicates
 */
export function afterBatch(
  credit: Credit,
  bodyBytes: number,
  waits: { readonly epochId: string; readonly seq: number } | undefined,
): Credit {
  const receivedBytes = credit.receivedBytes + bodyBytes;
  if (waits === undefined) return { ...credit, receivedBytes };
  return {
    ...credit,
    receivedBytes,
    pendingBytes: credit.pendingBytes + bodyBytes,
    pending: [...credit.pending, { ...waits, bytes: bodyBytes }],
  };
}

/** Everything up to `watermark` of an epoch is stored; commits come in the order of the batches. */
export function afterCommit(credit: Credit, epochId: string, watermark: number): Credit {
  const last = credit.pending.findLastIndex((batch) => batch.epochId === epochId && batch.seq <= watermark);
  if (last < 0) return credit;
  const storedBytes = credit.pending.slice(0, last + 1).reduce((sum, batch) => sum + batch.bytes, 0);
  return {
    ...credit,
    pendingBytes: credit.pendingBytes - storedBytes,
    pending: credit.pending.slice(last + 1),
  };
}

/** Raises the limit so that `windowBytes` may be under way beyond what is stored; the same object when it stays. */
export function withWindow(credit: Credit, windowBytes: number): Credit {
  const limitBytes = credit.receivedBytes - credit.pendingBytes + windowBytes;
  return limitBytes > credit.limitBytes ? { ...credit, limitBytes } : credit;
}

export function isExhausted(credit: Credit): boolean {
  return credit.receivedBytes >= credit.limitBytes;
}
