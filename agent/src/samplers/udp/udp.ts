/** Parses /proc/net/udp and udp6. Source: proc_pid_net(5). */
import { lines, ParseError, parseHexadecimal } from '../parse.ts';

/** Bytes of all sockets together. */
export interface UdpQueues {
  readonly receive: number;
  readonly send: number;
}

/** Number, local and remote address, state, then `send:receive` in hexadecimal. */
const ROW = /^ *[0-9]+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:[0-9A-F]+ [0-9A-F]+ ([0-9A-F]{8}):([0-9A-F]{8}) /;

/**
 * @param what the file, for messages
 * @throws ParseError
 */
export function parseUdpQueues(bytes: Buffer, what: string): UdpQueues {
  const [heading = '', ...rows] = lines(bytes);
  if (!heading.trim().startsWith('sl ')) throw new ParseError(`parse ${what}: the headings are missing`);
  let receive = 0;
  let send = 0;
  for (const row of rows) {
    const match = ROW.exec(row);
    if (match === null) throw new ParseError(`parse ${what}: ${JSON.stringify(row.slice(0, 80))}`);
    send += parseHexadecimal(match[1], what);
    receive += parseHexadecimal(match[2], what);
  }
  return { receive, send };
}
