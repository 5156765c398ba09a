/**
 * The hosts: who is enrolled, under which name, and what is known of each. All of them are kept in memory (about 1 KB
 * each), the database is written behind: what a login changes goes in one transaction a second, because a fleet that
 * reconnects must not wait for ten thousand syncs. What enrols, revokes, deletes or changes keys is written at once. Long, because
 * every change of a host is a method here.
 */
import type { StatementSync } from 'node:sqlite';
import type { Clock, Timer } from '@rollcall/shared/lib/clock.ts';
import { AppError, describeError } from '@rollcall/shared/lib/errors.ts';
import type { Logger } from '@rollcall/shared/lib/log.ts';
import { cleanText, compareUtf8 } from '@rollcall/shared/lib/text.ts';
import type { OsFacts } from '@rollcall/shared/protocol/handshake.ts';
import type { HostOs } from '../api/types.ts';
import type { Database } from '../state/database.ts';
import type { AgentKeys } from './agent-keys.ts';
import { bytesOf, bytesOrNull, integerOf, integerOrNull, textOf, textOrNull, type Row } from './row.ts';

const FLUSH_INTERVAL_MS = 1_000;
/** Written in one go while the collector runs, some 5 ms; what a fleet that came back has to tell takes some seconds. */
const FLUSH_HOSTS_MAX = 500;
const NAME_LENGTH_MAX = 200;
const TEXT_LENGTH_MAX = 256;

export interface Host extends AgentKeys {
  /** The agent id, 32 hexadecimal digits. */
  readonly id: string;
  /** Unique; the label `instance`. Fixed at enrolment, so that series go on when the machine is renamed. */
  readonly name: string;
  readonly machineId: string | null;
  /** Of the newest login; null before the first, like `os`. */
  readonly bootId: string | null;
  readonly os: HostOs | null;
  readonly agentVersion: string | null;
  /** The newest generation that the agent has confirmed. */
  readonly generation: number;
  /** An administrator accepted the next login whatever its generation; its epoch must then be a new one. */
  readonly mustRotateEpoch: boolean;
  /** When the key was seen on two machines; null when it was not, or that was settled. */
  readonly conflictMs: number | null;
  readonly enrolledMs: number;
  readonly lastSeenMs: number | null;
  readonly revokedMs: number | null;
}

/** What a new agent says about its machine, as it came from the network. */
export interface NewHost {
  readonly id: string;
  readonly publicKey: Buffer;
  readonly tokenId: string;
  readonly hostName: string;
  readonly machineId: string;
  readonly agentVersion: string;
}

/** What a login tells, as it came from the network. */
export interface LoginFacts {
  readonly bootId: string;
  readonly os: OsFacts;
  readonly agentVersion: string;
}

export type HostChange = { readonly kind: 'added' | 'revoked' | 'deleted'; readonly id: string };

export interface HostPage {
  readonly hosts: readonly Host[];
  /** The name to pass as `after` for the next page; null on the last one. */
  readonly next: string | null;
}

export class Hosts {
  readonly #database: Database;
  readonly #revokedMs: StatementSync;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #byId = new Map<string, Host>();
  readonly #dirty = new Set<string>();
  readonly #listeners = new Set<(change: HostChange) => void>();
  /** Ids in the order of names; made anew when somebody asks after hosts came or went. */
  #sortedIds: readonly string[] | undefined;
  #timer: Timer | undefined;
  #isFlushFailing = false;

  constructor(options: { readonly database: Database; readonly clock: Clock; readonly log: Logger }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log;
    // Asked at every login; preparing it each time would cost more than the question.
    this.#revokedMs = this.#database.connection.prepare('SELECT revoked_ms FROM hosts WHERE id = ?');
    for (const row of this.#database.connection.prepare('SELECT * FROM hosts').all()) this.#put(hostOf(row));
  }

  get count(): number {
    return this.#byId.size;
  }

  get(id: string): Host | undefined {
    return this.#byId.get(id);
  }

  /** Every host, in no particular order; revoked ones too. */
  all(): IterableIterator<Host> {
    return this.#byId.values();
  }

  /**
   * Hosts in name order.
   * @param options.after only names behind this one; absent for the first page
   * @param options.limit 1 or more
   */
  list(options: { readonly after?: string | undefined; readonly limit: number }): HostPage {
    const ids = (this.#sortedIds ??= this.#sortByName());
    const { after } = options;
    const start = after === undefined ? 0 : this.#firstIndexAfter(ids, after);
    const end = start + options.limit;
    const hosts = ids.slice(start, end).flatMap((id) => this.#byId.get(id) ?? []);
    return { hosts, next: end < ids.length ? (hosts.at(-1)?.name ?? null) : null };
  }

  /**
   * The labels that every series of the host carries besides its own. An unknown id stands for itself, so that data in
   * flight while a host is deleted is never mixed into another one's.
   */
  identityLabels(id: string): readonly (readonly [string, string])[] {
    return [
      ['instance', this.#byId.get(id)?.name ?? id],
      ['job', 'node'],
    ];
  }

  /** The host with this key, revoked or not, and the token that it enrolled with. */
  findByKey(publicKey: Buffer): { readonly host: Host; readonly tokenId: string } | undefined {
    const row = this.#database.connection
      .prepare('SELECT id, token_id FROM hosts WHERE public_key = ?')
      .get(publicKey);
    const host = row === undefined ? undefined : this.#byId.get(textOf(row, 'id'));
    return row === undefined || host === undefined ? undefined : { host, tokenId: textOf(row, 'token_id') };
  }

  /** The host that has this key or has offered it as its next one, revoked or not. */
  ownerOfKey(publicKey: Buffer): string | undefined {
    const row = this.#database.connection
      .prepare('SELECT id FROM hosts WHERE public_key = ?1 OR next_public_key = ?1')
      .get(publicKey);
    return row === undefined ? undefined : textOf(row, 'id');
  }

  /** Hosts with the same machine id: clones, or a machine that enrolled again. Never merged, only told. */
  findLookalikes(machineId: string): Host[] {
    if (machineId === '') return [];
    return [...this.#byId.values()].filter((host) => host.machineId === machineId);
  }

  /**
   * Writes the row of a new host. To be called inside the transaction that takes the token; `admit` follows after its
   * commit. A name that is taken gets the first six digits of the id behind it.
   */
  insert(draft: NewHost): Host {
    const host: Host = {
      id: draft.id,
      name: this.#freeName(draft.hostName, draft.id),
      publicKey: draft.publicKey,
      nextPublicKey: null,
      machineId: cleanText(draft.machineId, TEXT_LENGTH_MAX) || null,
      bootId: null,
      os: null,
      agentVersion: cleanText(draft.agentVersion, TEXT_LENGTH_MAX),
      generation: 0,
      mustRotateEpoch: false,
      conflictMs: null,
      enrolledMs: this.#clock.wallMs(),
      lastSeenMs: null,
      revokedMs: null,
    };
    this.#database.connection
      .prepare(
        `INSERT INTO hosts (id, name, public_key, token_id, machine_id, agent_version, enrolled_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        host.id,
        host.name,
        host.publicKey,
        draft.tokenId,
        host.machineId,
        host.agentVersion,
        host.enrolledMs,
      );
    return host;
  }

  /** Lets a host in whose row has been committed. */
  admit(host: Host): void {
    this.#put(host);
    this.#sortedIds = undefined;
    this.#tell({ kind: 'added', id: host.id });
  }

  /** Whether the database says that the host was revoked, by this process or another one. */
  isRevoked(id: string): boolean {
    const row = this.#revokedMs.get(id);
    return row === undefined || integerOrNull(row, 'revoked_ms') !== null;
  }

  /** Takes over what a login told. */
  recordLogin(id: string, facts: LoginFacts): void {
    this.#change(id, {
      bootId: cleanText(facts.bootId, TEXT_LENGTH_MAX),
      agentVersion: cleanText(facts.agentVersion, TEXT_LENGTH_MAX),
      os: {
        platform: cleanText(facts.os.platform, TEXT_LENGTH_MAX),
        name: cleanText(facts.os.name, TEXT_LENGTH_MAX),
        kernel: cleanText(facts.os.kernel, TEXT_LENGTH_MAX),
        arch: cleanText(facts.os.arch, TEXT_LENGTH_MAX),
      },
    });
  }

  /**
   * The agent proved that it has this generation. Losing the write in a crash is harmless: the agent then presents a
   * higher one than we remember, which is accepted.
   */
  setGeneration(id: string, generation: number): void {
    if (this.#byId.get(id)?.generation !== generation) this.#change(id, { generation });
  }

  /** The key was presented with a generation of the past: it exists twice. Only an administrator takes this back. */
  flagConflict(id: string): void {
    if (this.#byId.get(id)?.conflictMs === null) this.#change(id, { conflictMs: this.#clock.wallMs() });
  }

  /**
   * An administrator says that the machine was restored from a snapshot: its next login is accepted whatever its
   * generation, and told to start a new epoch. Durable when it returns; false when there is no such host.
   * @throws AppError REVOKED
   * @throws when the database cannot be written; nothing has changed then
   */
  acceptRestored(id: string): boolean {
    const host = this.#byId.get(id);
    if (host === undefined) return false;
    if (host.revokedMs !== null) {
      throw new AppError(
        'REVOKED',
        `${host.name} was shut out for good: delete it, and let its agent enrol anew`,
      );
    }
    this.#database.connection
      .prepare('UPDATE hosts SET must_rotate_epoch = 1, conflict_ms = NULL WHERE id = ?')
      .run(id);
    this.#put({ ...host, mustRotateEpoch: true, conflictMs: null });
    return true;
  }

  /** The restored host has done what it was told. */
  finishRestore(id: string): void {
    if (this.#byId.get(id)?.mustRotateEpoch === true) this.#change(id, { mustRotateEpoch: false });
  }

  /** When the host was last heard of. */
  recordSeen(id: string, lastSeenMs: number): void {
    this.#change(id, { lastSeenMs });
  }

  /**
   * Has the agent known by these keys; durable when it returns.
   * @throws when the database cannot be written, or another host has one of the keys; nothing has changed then
   */
  setKeys(id: string, { publicKey, nextPublicKey }: AgentKeys): void {
    const host = this.#byId.get(id);
    if (host === undefined) return;
    this.#database.connection
      .prepare('UPDATE hosts SET public_key = ?, next_public_key = ? WHERE id = ?')
      .run(publicKey, nextPublicKey, id);
    this.#put({ ...host, publicKey, nextPublicKey });
  }

  /** Shuts the agent out for ever; its data stay. False when there is no such host. */
  revoke(id: string): boolean {
    const host = this.#byId.get(id);
    if (host === undefined) return false;
    if (host.revokedMs !== null) return true;
    const revokedMs = this.#clock.wallMs();
    this.#database.connection.prepare('UPDATE hosts SET revoked_ms = ? WHERE id = ?').run(revokedMs, id);
    this.#put({ ...host, revokedMs });
    this.#tell({ kind: 'revoked', id });
    return true;
  }

  /** Forgets the host with its presence and inventory; who listens deletes its samples. False when there is no such host. */
  delete(id: string): boolean {
    if (!this.#byId.has(id)) return false;
    this.#database.connection.prepare('DELETE FROM hosts WHERE id = ?').run(id);
    this.#byId.delete(id);
    this.#dirty.delete(id);
    this.#sortedIds = undefined;
    this.#tell({ kind: 'deleted', id });
    return true;
  }

  /** Calls `listener` after each host that comes or goes. Returns the way to stop. */
  onChange(listener: (change: HostChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts writing behind. */
  start(): void {
    this.#timer ??= this.#clock.setTimer(
      FLUSH_INTERVAL_MS,
      () => {
        this.#timer = undefined;
        this.#write(FLUSH_HOSTS_MAX);
        this.start();
      },
      { isBackground: true },
    );
  }

  /** Writes all that changed. A failure is logged when it starts and ends; what was not written is tried again. */
  flush(): void {
    this.#write(this.#dirty.size);
  }

  /** Writes what changed of so many hosts, those first that have waited longest. */
  #write(hostsMax: number): void {
    const ids = [...this.#dirty].slice(0, hostsMax);
    if (ids.length === 0) return;
    try {
      this.#database.transaction(() => this.#writeHosts(ids));
      for (const id of ids) this.#dirty.delete(id);
      if (this.#isFlushFailing) this.#log.info('host records are written again');
      this.#isFlushFailing = false;
    } catch (error) {
      if (!this.#isFlushFailing) {
        this.#log.error('host records cannot be written', { error: describeError(error) });
      }
      this.#isFlushFailing = true;
    }
  }

  /** Writes what changed and stops. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.flush();
  }

  #writeHosts(ids: readonly string[]): void {
    const update = this.#database.connection.prepare(
      `UPDATE hosts SET boot_id = ?, os_platform = ?, os_name = ?, os_kernel = ?, os_arch = ?, agent_version = ?,
         generation = ?, must_rotate_epoch = ?, conflict_ms = ?, last_seen_ms = ? WHERE id = ?`,
    );
    for (const id of ids) {
      const host = this.#byId.get(id);
      if (host === undefined) continue;
      const { os } = host;
      update.run(
        host.bootId,
        os?.platform ?? null,
        os?.name ?? null,
        os?.kernel ?? null,
        os?.arch ?? null,
        host.agentVersion,
        host.generation,
        host.mustRotateEpoch ? 1 : 0,
        host.conflictMs,
        host.lastSeenMs,
        id,
      );
    }
  }

  #freeName(hostName: string, id: string): string {
    const wanted = cleanText(hostName, NAME_LENGTH_MAX).trim() || 'host';
    const isTaken = this.#database.connection.prepare('SELECT 1 FROM hosts WHERE name = ?');
    const candidates = [wanted, `${wanted}-${id.slice(0, 6)}`];
    return candidates.find((name) => isTaken.get(name) === undefined) ?? `${wanted}-${id}`;
  }

  #change(id: string, change: Partial<Host>): void {
    const host = this.#byId.get(id);
    if (host === undefined) return;
    this.#put({ ...host, ...change });
    this.#dirty.add(id);
  }

  #sortByName(): string[] {
    return [...this.#byId.values()]
      .sort((left, right) => compareUtf8(left.name, right.name))
      .map((host) => host.id);
  }

  /** The index of the first host whose name is behind `name`; binary search. */
  #firstIndexAfter(ids: readonly string[], name: string): number {
    let low = 0;
    let high = ids.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const isBehind = compareUtf8(this.#byId.get(ids[middle] ?? '')?.name ?? '', name) > 0;
      if (isBehind) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #put(host: Host): void {
    this.#byId.set(host.id, host);
  }

  #tell(change: HostChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function hostOf(row: Row): Host {
  const platform = textOrNull(row, 'os_platform');
  return {
    id: textOf(row, 'id'),
    name: textOf(row, 'name'),
    publicKey: bytesOf(row, 'public_key'),
    nextPublicKey: bytesOrNull(row, 'next_public_key'),
    machineId: textOrNull(row, 'machine_id'),
    bootId: textOrNull(row, 'boot_id'),
    os:
      platform === null
        ? null
        : {
            platform,
            name: textOf(row, 'os_name'),
            kernel: textOf(row, 'os_kernel'),
            arch: textOf(row, 'os_arch'),
          },
    agentVersion: textOrNull(row, 'agent_version'),
    generation: integerOf(row, 'generation'),
    mustRotateEpoch: integerOf(row, 'must_rotate_epoch') === 1,
    conflictMs: integerOrNull(row, 'conflict_ms'),
    enrolledMs: integerOf(row, 'enrolled_ms'),
    lastSeenMs: integerOrNull(row, 'last_seen_ms'),
    revokedMs: integerOrNull(row, 'revoked_ms'),
  };
}
