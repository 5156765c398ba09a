/** Read requests for tests and benchmarks. */
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { putKey, putMessage, putText, WIRE } from '../protobuf.ts';
import { packSnappy } from '../snappy.ts';

/** A LabelMatcher; types are 0 `=`, 1 `!=`, 2 `=~`, 3 `!~`, and what a test wants to see refused. */
export type RawMatcher = readonly [type: number, name: string, value: string];

/** The packed body of a read request with one query; both times are inclusive UTC milliseconds. */
export function readRequest(
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  matchers: readonly RawMatcher[],
): Buffer {
  const writer = new ByteWriter();
  putMessage(writer, 1, () => {
    putKey(writer, 1, WIRE.VARINT);
    writer.varint(fromMs);
    putKey(writer, 2, WIRE.VARINT);
    writer.varint(toMs);
    for (const [type, name, value] of matchers) {
      putMessage(writer, 3, () => {
        putKey(writer, 1, WIRE.VARINT);
        writer.varint(type);
        putText(writer, 2, name);
        putText(writer, 3, value);
      });
    }
  });
  return packSnappy(writer.view());
}
