import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { describe, expect, it } from 'vitest';
import { exportSamples, type ExportOptions } from './export.ts';
import { importFile } from './import.ts';
import { openForWriting } from './offline-store.ts';

const TEXT = `# TYPE a unknown
a{x="1"} 1 1767225600
a{x="1"} 2.5 1767225610.5
a{x="2"} NaN 1767225600
# TYPE b unknown
b 3 1767225600
# EOF
`;

async function* inputOf(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

function world(path: string) {
  const dataDir = join(path, 'data');
  const told: string[] = [];
  const complain = (text: string): void => void told.push(text);
  return {
    dataDir,
    told,
    importing: (file: string, input = '') =>
      importFile(dataDir, file, { clock: systemClock, complain, input: () => inputOf(input) }),
    exporting: async (options: Partial<ExportOptions> = {}): Promise<string> => {
      let text = '';
      await exportSamples(
        {
          dataDir,
          match: ['{__name__=~".+"}'],
          from: undefined,
          to: undefined,
          format: 'openmetrics',
          ...options,
        },
        { clock: systemClock, complain, write: (piece) => Promise.resolve(void (text += piece)) },
      );
      return text;
    },
  };
}

describe('import and export', () => {
  it('bring a packed file into a new store and out again', async () => {
    using dir = tempDir();
    const { importing, exporting, told } = world(dir.path);
    const file = join(dir.path, 'samples.om.gz');
    writeFileSync(file, gzipSync(TEXT));
    expect(await importing(file)).toBe('stored 4 of 4 samples\n');
    expect(await exporting()).toBe(TEXT);
    expect(told).toEqual(['exported 4 samples\n']);
    expect(await importing('-', TEXT)).toContain('left out 1 older than what is stored of their series');
    expect(await exporting()).toBe(TEXT);
  });

  it('select by series and time', async () => {
    using dir = tempDir();
    const { importing, exporting } = world(dir.path);
    await importing('-', TEXT);
    expect(await exporting({ match: ['a{x="1"}', 'b'], from: '1767225601', format: 'csv' })).toBe(
      'time,metric,labels,value\n2026-01-01T00:00:10.500Z,a,"{x=""1""}",2.5\n',
    );
    await expect(exporting({ match: ['a{'] })).rejects.toMatchObject({ code: 'BAD_QUERY' });
    await expect(exporting({ from: 'yesterday' })).rejects.toThrow('--from yesterday: must be seconds');
    await expect(exporting({ from: '20', to: '10' })).rejects.toThrow('--from: must not be after --to');
  });

  it('store nothing of a file with a bad line', async () => {
    using dir = tempDir();
    const { importing, exporting, dataDir } = world(dir.path);
    const file = join(dir.path, 'samples.om');
    writeFileSync(file, TEXT.replace('# EOF', 'oops\n# EOF'));
    await expect(importing(file)).rejects.toThrow(`import ${file}: line 7: "oops" is no sample`);
    await expect(exporting()).rejects.toThrow(`data folder ${dataDir} holds no samples`);
    await expect(importing(join(dir.path, 'missing'))).rejects.toMatchObject({ code: 'READ_FAILED' });
  });

  it('read beside a collector, and do not write beside one', async () => {
    using dir = tempDir();
    const { importing, exporting, dataDir } = world(dir.path);
    await importing('-', TEXT);
    const collector = openForWriting(dataDir, { clock: systemClock, complain: () => {} });
    expect(await exporting()).toBe(TEXT);
    await expect(importing('-', TEXT)).rejects.toThrow('is in use by another collector');
    await collector.close();
  });
});
