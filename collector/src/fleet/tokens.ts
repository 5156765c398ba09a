/** Enrolment tokens: what an administrator hands to a new agent. Only a hash of the secret is kept. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@rollcall/shared/lib/clock.ts';
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import { AppError } from '@rollcall/shared/lib/errors.ts';
import { Secret } from '@rollcall/shared/lib/secret.ts';
import { cleanText } from '@rollcall/shared/lib/text.ts';
import { TOKEN_PATTERN, TOKEN_PREFIX } from '@rollcall/shared/protocol/enroll.ts';
import type { Database } from '../state/database.ts';
import { bytesOf, integerOf, integerOrNull, textOf, type Row } from './row.ts';

const LIFETIME_MS_DEFAULT = 3_600_000;
const LIFETIME_MS_MAX = 90 * 86_400_000;
const USES_MAX = 100_000;
const ID_LENGTH = 16;
const SECRET_BYTES = 32;
const ID_ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A token as it may be shown: without its secret. */
export interface TokenSummary {
  readonly id: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly usesMax: number;
  readonly uses: number;
  readonly creator: string;
  readonly revokedMs: number | null;
}

export class EnrolmentTokens {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #randomBytes: (count: number) => Buffer;

  /** @param options.database may be open in other processes as well, such as the command line */
  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly randomBytes: (count: number) => Buffer;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#randomBytes = options.randomBytes;
  }

  /**
   * Makes a token; its text cannot be had again.
   * @param options.lifetimeMs 1 s to 90 d, default 1 h
   * @param options.usesMax how many hosts may enrol with it, default 1
   * @throws AppError BAD_REQUEST
   */
  create(options: {
    readonly creator: string;
    readonly lifetimeMs?: number | undefined;
    readonly usesMax?: number | undefined;
  }): { readonly token: Secret; readonly summary: TokenSummary } {
    const lifetimeMs = options.lifetimeMs ?? LIFETIME_MS_DEFAULT;
    const usesMax = options.usesMax ?? 1;
    if (!Number.isSafeInteger(lifetimeMs) || lifetimeMs < 1_000 || lifetimeMs > LIFETIME_MS_MAX) {
      throw new AppError('BAD_REQUEST', 'create token: the lifetime must be from 1 second to 90 days');
    }
    if (!Number.isSafeInteger(usesMax) || usesMax < 1 || usesMax > USES_MAX) {
      throw new AppError('BAD_REQUEST', `create token: the uses must be from 1 to ${USES_MAX}`);
    }
    const id = this.#randomId();
    const secret = this.#randomBytes(SECRET_BYTES).toString('base64url');
    const createdMs = this.#clock.wallMs();
    const summary: TokenSummary = {
      id,
      createdMs,
      expiresMs: createdMs + lifetimeMs,
      usesMax,
      uses: 0,
      creator: cleanText(options.creator, 128),
      revokedMs: null,
    };
    this.#database.connection
      .prepare(
        `INSERT INTO enrolment_tokens (id, secret_sha256, created_ms, expires_ms, uses_max, creator)
         VALUES (?, ?, ?, ?, ?, ?)`,
      )
      .run(id, sha256(secret), createdMs, summary.expiresMs, usesMax, summary.creator);
    const body = `${TOKEN_PREFIX}${id}_${secret}`;
    return { token: new Secret(`${body}_${checkOf(body)}`), summary };
  }

  /** All tokens, newest first. */
  list(): TokenSummary[] {
    return this.#database.connection
      .prepare('SELECT * FROM enrolment_tokens ORDER BY created_ms DESC, id')
      .all()
      .map(summaryOf);
  }

  /** Ends a token; hosts that enrolled with it stay. False when there is none with this id. */
  revoke(id: string): boolean {
    const { changes } = this.#database.connection
      .prepare('UPDATE enrolment_tokens SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ?')
      .run(this.#clock.wallMs(), id);
    return Number(changes) === 1;
  }

  /**
   * The id of a token whose text is genuine and that is neither revoked nor expired, else undefined. Says nothing about
   * its uses.
   */
  verify(token: string): string | undefined {
    const [, id, secret, check] = TOKEN_PATTERN.exec(token) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    if (check !== checkOf(`${TOKEN_PREFIX}${id}_${secret}`)) return undefined;
    const row = this.#database.connection.prepare('SELECT * FROM enrolment_tokens WHERE id = ?').get(id);
    // An unknown id costs the same comparison as a wrong secret.
    const expected = row === undefined ? Buffer.alloc(32) : bytesOf(row, 'secret_sha256');
    const isGenuine = timingSafeEqual(sha256(secret), expected);
    if (row === undefined || !isGenuine) return undefined;
    const { revokedMs, expiresMs } = summaryOf(row);
    return revokedMs === null && expiresMs > this.#clock.wallMs() ? id : undefined;
  }

  /**
   * Takes one use of a token; false when none is left. To be called inside the transaction that creates the host, so
   * that both happen or neither, and of two agents with the last use one succeeds.
   */
  takeUse(id: string): boolean {
    const { changes } = this.#database.connection
      .prepare('UPDATE enrolment_tokens SET uses = uses + 1 WHERE id = ? AND uses < uses_max')
      .run(id);
    return Number(changes) === 1;
  }

  #randomId(): string {
    let id = '';
    while (id.length < ID_LENGTH) {
      for (const byte of this.#randomBytes(ID_LENGTH)) {
        // 248 is the largest multiple of 62 in a byte: above it some characters would be more likely than others.
        if (byte < 248 && id.length < ID_LENGTH) id += ID_ALPHABET.charAt(byte % ID_ALPHABET.length);
      }
    }
    return id;
  }
}

function summaryOf(row: Row): TokenSummary {
  return {
    id: textOf(row, 'id'),
    createdMs: integerOf(row, 'created_ms'),
    expiresMs: integerOf(row, 'expires_ms'),
    usesMax: integerOf(row, 'uses_max'),
    uses: integerOf(row, 'uses'),
    creator: textOf(row, 'creator'),
    revokedMs: integerOrNull(row, 'revoked_ms'),
  };
}

/** The checksum at the end of a token, against typing errors only. */
function checkOf(body: string): string {
  return crc32(Buffer.from(body)).toString(16).padStart(8, '0');
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
