import { describe, expect, it } from 'vitest';
import { zstdCompressSync } from 'node:zlib';
import { crc32 } from '@rollcall/shared/lib/crc.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { mutate, seededRandom } from '@rollcall/shared/testing/mutate.ts';
import { thrownCode } from '@rollcall/shared/testing/thrown.ts';
import { ChunkReader } from './chunk.ts';
import { readStates, readValues, writeValues } from './column.ts';
import { Directory, DirectoryWriter } from './directory.ts';
import { openPart, PartWriter, type Part } from './parts.ts';
import { readTimes } from './times.ts';
import { goldenGroups } from './testing/golden.ts';

const HARMLESS = [undefined, 'BLOCK_DAMAGED', 'RECORD_UNDECODABLE'];
const ROUNDS = 100;

function chunks(): { bytes: Buffer; noise: Buffer }[] {
  return goldenGroups('raw').flatMap(({ columns }) =>
    columns.map(({ streams }) => {
      const writer = { bytes: new ByteWriter(), noise: new ByteWriter() };
      writeValues(writer, streams[0] ?? new Float64Array(1), undefined);
      return { bytes: writer.bytes.copy(), noise: writer.noise.copy() };
    }),
  );
}

/** Behind the checksums; a file that somebody made to hurt has correct ones. */
describe('bytes with correct checksums that make no sense', () => {
  it('are refused by the readers of columns, states and times', () => {
    const written = chunks();
    for (let seed = 0; seed < ROUNDS; seed++) {
      const random = seededRandom(seed);
      const { bytes, noise } = written[seed % written.length] ?? {
        bytes: Buffer.alloc(0),
        noise: Buffer.alloc(0),
      };
      const chunk = { bytes: mutate(bytes, Buffer.from([1, 2, 3]), random), noise };
      const codes = [
        thrownCode(() => readValues(new ChunkReader(chunk), new Float64Array(90), undefined)),
        thrownCode(() => readStates(chunk, 90)),
        thrownCode(() => readTimes(chunk, 90, () => ({ chunk, rowCount: 90 }))),
      ];
      for (const code of codes) expect(HARMLESS, `seed ${seed}`).toContain(code);
    }
  });

  it('are refused as parts', () => {
    const stored: Buffer[] = [];
    const writer = new PartWriter((bytes) => {
      stored.push(bytes);
      return 0;
    });
    for (const { bytes, noise } of chunks()) {
      writer.add((chunk) => {
        chunk.bytes.bytes(bytes);
        chunk.noise.bytes(noise);
      });
    }
    const [part] = writer.finishHost();
    if (part === undefined) throw new Error('a part was written');
    const raw = Buffer.concat([Buffer.from([4, 5, 6]), ...stored]).subarray(0, 400);
    for (let seed = 0; seed < ROUNDS; seed++) {
      const hostile = mutate(raw, raw, seededRandom(seed));
      const bytes = zstdCompressSync(hostile);
      const claimed: Part = {
        ...part,
        noiseLength: 0,
        storedLength: bytes.length,
        rawLength: hostile.length,
        crc: crc32(bytes),
      };
      expect(HARMLESS, `seed ${seed}`).toContain(thrownCode(() => openPart(claimed, bytes)));
    }
  });

  it('are refused as a part that unpacks to more than it says', () => {
    const bytes = zstdCompressSync(Buffer.alloc(50_000_000));
    const part = {
      offset: 0,
      storedLength: bytes.length,
      noiseLength: 0,
      rawLength: 100,
      crc: crc32(bytes),
      chunkCount: 1,
      firstChunk: 0,
    };
    expect(thrownCode(() => openPart(part, bytes))).toBe('BLOCK_DAMAGED');
  });

  it('are refused as a directory', () => {
    const writer = new DirectoryWriter(0);
    const part = {
      offset: 26,
      storedLength: 9,
      noiseLength: 1,
      rawLength: 20,
      crc: 5,
      chunkCount: 7,
      firstChunk: 0,
    };
    for (const letter of ['a', 'b']) {
      const hostId = letter.repeat(32);
      const group = {
        hostId,
        schemaHash: 'c'.repeat(64),
        rowCount: 3,
        columnCount: 2,
        sampleCount: 6,
        firstMs: 1,
        lastMs: 3,
        segmentRows: [1, 2],
        firstChunk: 0,
      };
      writer.addHost(hostId, { parts: [part], groups: [group] });
    }
    const bytes = writer.finish();
    for (let seed = 0; seed < ROUNDS; seed++) {
      const hostile = mutate(bytes, bytes, seededRandom(seed));
      const code = thrownCode(() => {
        const directory = new Directory(hostile, {
          fromMs: 0,
          partsEnd: 100,
          version: 2,
          chunksOf: (columns, segments) => 1 + columns + columns * segments,
        });
        for (const hostId of directory.hostIds()) directory.host(hostId);
      });
      expect(HARMLESS, `seed ${seed}`).toContain(code);
    }
  });
});
