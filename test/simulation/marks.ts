/**
 * What a long run must have met at least once ("sometimes"): a seed that passes proves little about what it never came
 * across. Out of reach of this world, and shown by unit tests: the mass rule (five hosts), records that are given up as
 * poison or for their age (hours), turns that rotate (sixteen agents with a backlog), and SEQ_CONFLICT, because an agent
 * compares checksums and leaves a forked epoch before it sends a record of it.
 */

/** From so many seeds on each of them is due. */
export const SEEDS_FOR_ALL_MARKS = 1_000;

/** Marks that what the product logs stands for. */
const OF_LOG: readonly (readonly [name: string, text: RegExp])[] = [
  ['memory mode entered', /agent \d+ error the disk of the spool cannot be used/],
  ['memory mode left', /agent \d+ info the disk of the spool can be used again/],
  ['segment unreadable at a start', /warn a segment of the spool cannot be read/],
  ['segment written anew after a failed sync', /warn sync of the spool failed/],
  ['fork found by checksums', /warn the histories of agent and collector differ/],
  ['rollback of the collector noticed', /warn the store of the collector is older than its agents/],
  ['epoch rotated', /"reason":"a new epoch begins"/],
  ['generation higher than offered', /unexpected generation .*"verdict":"ahead"/],
  ['settings in force', /agent \d+ info settings of the collector are in force/],
  ['settings given up', /agent \d+ warn settings of the collector were given up/],
  ['key changed', /collector info agent has a new key/],
  ['other key tried', /"reason":"the collector does not know this key of the agent; trying another one"/],
  ['suspend noticed', /info machine was suspended/],
  ['standstill of the collector noticed', /warn collector stood still/],
  ['journal not writable', /error journal cannot be written/],
  ['journal writable again', /info journal can be written again/],
];

const REQUIRED: readonly string[] = [
  ...OF_LOG.map(([name]) => name),
  'new key asked for',
  'settings wanted',
  'settings offered',
  'agent died at a write',
  'clock of 1970 set right',
  'tick stored by the boot clock',
  'bit rot in a segment',
  'collector killed before a commit',
  'collector killed after a commit',
  'collector set back',
  'copy accepted by a person',
  'credit exhausted',
  'record rejected',
  'spool set back',
  'error AUTH_FAILED',
  'error IDENTITY_CONFLICT',
  'error SEQ_HOLE',
  'error STORAGE_UNAVAILABLE',
  'error SUPERSEDED',
  'error TOO_SLOW',
  'presence down',
  'presence planned',
  'presence suspect',
  'gap bytes',
  'gap collector_rollback',
  'gap corrupt',
  'gap spool_unreadable',
  'alert fired',
  'alert resolved',
  'alert delivered',
  'alert dead',
  'alerting killed',
  'accepted, and the answer lost',
  'ambiguous attempt repeated',
  'receiver hung',
];

/** The mark of a line of the story, undefined for most. */
export function markOfLine(line: string): string | undefined {
  return OF_LOG.find(([, text]) => text.test(line))?.[0];
}

/** The marks that are due and were never met. */
export function missingMarks(marks: ReadonlyMap<string, number>): readonly string[] {
  return REQUIRED.filter((name) => (marks.get(name) ?? 0) === 0);
}
