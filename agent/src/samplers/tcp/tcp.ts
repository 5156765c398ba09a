/** Parses /proc/net/tcp and tcp6. Source: proc_pid_net(5), the enum of states in include/net/tcp_states.h of Linux. */
import { ParseError, parseHexadecimal } from '../parse.ts';

/** node_exporter's names by the kernel's number; a socket that is just being opened (12) is in syn_recv, too. */
const STATE_BY_NUMBER: ReadonlyMap<number, string> = new Map([
  [1, 'established'],
  [2, 'syn_sent'],
  [3, 'syn_recv'],
  [4, 'fin_wait1'],
  [5, 'fin_wait2'],
  [6, 'time_wait'],
  [7, 'close'],
  [8, 'close_wait'],
  [9, 'last_ack'],
  [10, 'listen'],
  [11, 'closing'],
  [12, 'syn_recv'],
]);

/** Sockets by state, and the bytes that wait in their queues. */
export class TcpCounts {
  readonly #states = new Map<string, number>([...STATE_BY_NUMBER.values()].map((state) => [state, 0]));
  #receiveBytes = 0;
  #sendBytes = 0;

  /** What `node_tcp_connection_states` has by label: states, then the two queues. */
  *entries(): Iterable<readonly [state: string, count: number]> {
    yield* this.#states;
    yield ['rx_queued_bytes', this.#receiveBytes];
    yield ['tx_queued_bytes', this.#sendBytes];
  }

  /**
   * Adds the sockets of one file. Walks over it without cutting it into lines: a busy server has many.
   * @param what the file, for messages
   * @throws ParseError
   */
  add(text: string, what: string): void {
    if (!/^ +sl /.test(text)) throw new ParseError(`parse ${what}: the headings are missing`);
    let from = endOfLine(text, 0) + 1;
    while (from < text.length) {
      const end = endOfLine(text, from);
      this.#addLine(text.slice(from, Math.min(end, from + LINE_START)), what);
      from = end + 1;
    }
  }

  #addLine(line: string, what: string): void {
    const [, number, send, receive] = ROW.exec(line) ?? [];
    const state = STATE_BY_NUMBER.get(parseHexadecimal(number, what));
    if (state === undefined) throw new ParseError(`parse ${what}: state ${number}`);
    this.#states.set(state, (this.#states.get(state) ?? 0) + 1);
    this.#sendBytes += parseHexadecimal(send, what);
    this.#receiveBytes += parseHexadecimal(receive, what);
  }
}

/** Number, local and remote address, state, then `send:receive`, all in hexadecimal. */
const ROW = /^ *[0-9]+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:[0-9A-F]+ ([0-9A-F]{2}) ([0-9A-F]{8}):([0-9A-F]{8}) /;
/** What is wanted of a line stands in its first characters, even with addresses of IPv6. */
const LINE_START = 160;

function endOfLine(text: string, from: number): number {
  const newline = text.indexOf('\n', from);
  return newline === -1 ? text.length : newline;
}
