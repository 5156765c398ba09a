/** The opening handshake of a WebSocket as bytes: what is asked, and what the answer means (RFC 6455, section 4). */
import { createHash } from 'node:crypto';
import { SUBPROTOCOL } from '@rollcall/shared/protocol/version.ts';

/** What the answer says so far. */
export type UpgradeAnswer =
  /** Its head has not ended yet. */
  | { readonly kind: 'incomplete' }
  /** The connection carries frames from now on; `restBytes` of them came with the answer. */
  | { readonly kind: 'upgraded'; readonly restBytes: number }
  /** HTTP answered something else. `retryAfter` is the header of this name. */
  | { readonly kind: 'refused'; readonly statusCode: number; readonly retryAfter: string | undefined }
  /** This is not what a collector answers. */
  | { readonly kind: 'broken'; readonly text: string };

/** An answer whose head is longer is none; as much as Node.js' own client takes. */
export const ANSWER_HEAD_BYTES_MAX = 16 * 1024;

const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const END_OF_HEAD = '\r\n\r\n';
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: .*)?$/;
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const CONTROL_CHARACTER = /[\0\r\n]/;
const SWITCHING_PROTOCOLS = 101;
const INFORMATIONAL_MAX = 199;

/**
 * The request, which ends with its head.
 * @param key 16 random bytes in base64, another one for each connection
 */
export function upgradeRequest({ host, pathname }: Pick<URL, 'host' | 'pathname'>, key: string): string {
  const lines = [
    `GET ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
  ];
  return `${lines.join('\r\n')}${END_OF_HEAD}`;
}

/**
 * Reads as much of an answer as has come.
 * @param bytes everything that came so far
 * @param key that of the request
 */
export function readUpgradeAnswer(bytes: Buffer, key: string): UpgradeAnswer {
  // Any number of informational answers may come before the real one (RFC 9110, section 15.2).
  for (let from = 0; ;) {
    const end = bytes.indexOf(END_OF_HEAD, from, 'latin1');
    if (Math.max(end, from) > ANSWER_HEAD_BYTES_MAX || (end < 0 && bytes.length > ANSWER_HEAD_BYTES_MAX))
      return { kind: 'broken', text: `the answer's head has more than ${ANSWER_HEAD_BYTES_MAX} bytes` };
    if (end < 0) return { kind: 'incomplete' };
    const head = parseHead(bytes.toString('latin1', from, end));
    if (head === undefined) return { kind: 'broken', text: 'the answer is no HTTP' };
    from = end + END_OF_HEAD.length;
    const { statusCode, fields } = head;
    if (statusCode === SWITCHING_PROTOCOLS) {
      const fault = faultOf(fields, key);
      return fault === undefined
        ? { kind: 'upgraded', restBytes: bytes.length - from }
        : { kind: 'broken', text: fault };
    }
    if (statusCode > INFORMATIONAL_MAX)
      return { kind: 'refused', statusCode, retryAfter: fields.get('retry-after') };
  }
}

interface Head {
  readonly statusCode: number;
  /** By name in small letters; those of one name joined by commas. */
  readonly fields: ReadonlyMap<string, string>;
}

function parseHead(text: string): Head | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const statusCode = Number(STATUS_LINE.exec(first)?.[1]);
  // Nobody answers with 0xx, and what is no number is less than nothing.
  if (!(statusCode >= 100)) return undefined;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = Math.max(0, line.indexOf(':'));
    const name = line.slice(0, colon).toLowerCase();
    if (!FIELD_NAME.test(name) || CONTROL_CHARACTER.test(line)) return undefined;
    const value = line.slice(colon + 1).trim();
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return { statusCode, fields };
}

/** Why an answer that switches protocols is not the one that was asked for, undefined when it is. */
function faultOf(fields: Head['fields'], key: string): string | undefined {
  if (fields.get('upgrade')?.toLowerCase() !== 'websocket') return 'the answer switches to another protocol';
  const connection = fields.get('connection')?.toLowerCase().split(',') ?? [];
  if (!connection.some((token) => token.trim() === 'upgrade'))
    return 'the answer does not upgrade the connection';
  if (fields.get('sec-websocket-accept') !== acceptOf(key))
    return 'the answer does not belong to the request';
  if (fields.get('sec-websocket-protocol') !== SUBPROTOCOL)
    return `what answers does not speak ${SUBPROTOCOL}`;
  if (fields.has('sec-websocket-extensions')) return 'the answer brings extensions that nobody asked for';
  return undefined;
}

/** What proves that the answer was made for this request by something that knows WebSockets. */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${ACCEPT_SUFFIX}`).digest('base64');
}
