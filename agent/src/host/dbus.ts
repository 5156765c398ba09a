/**
 * As much of D-Bus as it takes to ask a question without parameters and read the answer. Source: D-Bus specification 0.41,
 * "Message Protocol" and "Marshaling". Numbers are little-endian in what is written, either way in what is read.
 */
import { HostError } from './host.ts';

const LITTLE_ENDIAN = 0x6c;
const BIG_ENDIAN = 0x42;
const VERSION = 1;
const CALL = 1;
const FIXED_BYTES = 16;
/** Fields of a header, by their code: name for us, type of their value. */
const PATH = { code: 1, type: 'o' } as const;
const INTERFACE = { code: 2, type: 's' } as const;
const MEMBER = { code: 3, type: 's' } as const;
const ERROR_NAME = 4;
const REPLY_SERIAL = 5;
const DESTINATION = { code: 6, type: 's' } as const;
/** Longest message that is read; a machine with 2,000 units needs 0.5 MiB. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

export interface BusCall {
  readonly serial: number;
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

export interface BusMessage {
  /** 2 an answer, 3 an error, others are of no interest. */
  readonly type: number;
  /** Serial of the call that it answers; 0 for none. */
  readonly replySerial: number;
  /** Name of the error; empty for none. */
  readonly errorName: string;
  readonly body: BusReader;
  /** Bytes of the whole message. */
  readonly length: number;
}

/** The bytes of a call without parameters. */
export function encodeCall(call: BusCall): Buffer {
  const values = [
    [PATH, call.path],
    [DESTINATION, call.destination],
    [INTERFACE, call.interface],
    [MEMBER, call.member],
  ] as const;
  let fields = Buffer.alloc(0);
  // Each field is a struct, which begins at a multiple of 8; so does what follows the last one.
  for (const [kind, value] of values) fields = Buffer.concat([padded(fields), encodeField(kind, value)]);
  const head = Buffer.alloc(FIXED_BYTES);
  head.set([LITTLE_ENDIAN, CALL, 0, VERSION]);
  head.writeUInt32LE(call.serial, 8);
  head.writeUInt32LE(fields.length, 12);
  return Buffer.concat([head, padded(fields)]);
}

/** Code, signature of the value, value. */
function encodeField(
  { code, type }: { readonly code: number; readonly type: string },
  value: string,
): Buffer {
  const text = Buffer.from(value);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.length);
  return Buffer.concat([Buffer.from([code, 1]), Buffer.from(`${type}\0`), size, text, Buffer.alloc(1)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]);
}

/**
 * The first message in `bytes`; undefined when it is not complete.
 * @throws HostError io when it is none, too_large
 */
export function readMessage(bytes: Buffer): BusMessage | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const isLittle = bytes[0] === LITTLE_ENDIAN;
  if ((!isLittle && bytes[0] !== BIG_ENDIAN) || bytes[3] !== VERSION) throw invalid('not a message');
  const head = new BusReader(bytes, isLittle, 4);
  const bodyBytes = head.u32();
  head.u32();
  const fieldsEnd = FIXED_BYTES + head.u32();
  const bodyFrom = fieldsEnd + (-fieldsEnd & 7);
  const length = bodyFrom + bodyBytes;
  if (length > MESSAGE_BYTES_MAX)
    throw new HostError('too_large', `read D-Bus: a message of ${length} bytes`);
  if (bytes.length < length) return undefined;
  const fields = new BusReader(bytes.subarray(0, fieldsEnd), isLittle, FIXED_BYTES);
  let replySerial = 0;
  let errorName = '';
  while (!fields.isAtEnd) {
    fields.align(8);
    const code = fields.u8();
    const type = fields.signature();
    if (type === 'u') {
      const value = fields.u32();
      if (code === REPLY_SERIAL) replySerial = value;
    } else if (type === 'g') {
      fields.signature();
    } else if (type === 's' || type === 'o') {
      const value = fields.text();
      if (code === ERROR_NAME) errorName = value;
    } else {
      throw invalid(`a field of type ${JSON.stringify(type.slice(0, 20))}`);
    }
  }
  const body = new BusReader(bytes.subarray(bodyFrom, length), isLittle, 0);
  return { type: bytes[1] ?? 0, replySerial, errorName, body, length };
}

/** Reads one value after another; each begins at a multiple of its own size. Throws HostError io beyond the end. */
export class BusReader {
  readonly #bytes: Buffer;
  readonly #isLittle: boolean;
  #at: number;

  constructor(bytes: Buffer, isLittle: boolean, at: number) {
    this.#bytes = bytes;
    this.#isLittle = isLittle;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get offset(): number {
    return this.#at;
  }

  align(size: number): void {
    this.#at += -this.#at & (size - 1);
  }

  u8(): number {
    return this.#bytes[this.#take(1)] ?? 0;
  }

  u32(): number {
    this.align(4);
    const at = this.#take(4);
    return this.#isLittle ? this.#bytes.readUInt32LE(at) : this.#bytes.readUInt32BE(at);
  }

  /** A text or the path of an object. */
  text(): string {
    const length = this.u32();
    const at = this.#take(length + 1);
    return this.#bytes.toString('utf8', at, at + length);
  }

  signature(): string {
    const length = this.u8();
    const at = this.#take(length + 1);
    return this.#bytes.toString('latin1', at, at + length);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw invalid('a message ends too early');
    this.#at = at + count;
    return at;
  }
}

function invalid(what: string): HostError {
  return new HostError('io', `read D-Bus: ${what}`);
}
