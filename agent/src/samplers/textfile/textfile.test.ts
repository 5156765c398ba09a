import { beforeEach, describe, expect, it } from 'vitest';
import { SAMPLE_ERROR } from '@rollcall/shared/protocol/samples.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { FakeHost } from '../../host/testing.ts';
import { Readings } from '../readings.ts';
import { formatValues } from '../text.ts';
import { SCHEMA_BYTES_MAX, SERIES_MAX } from './merge.ts';
import { FILE_BYTES_MAX, FILES_MAX, textfileSampler } from './textfile.ts';

const DIR = '/var/lib/metrics';

/** A host that counts what is read. */
class CountingHost extends FakeHost {
  readonly reads: string[] = [];

  override readOnce(path: string): Buffer {
    this.reads.push(path);
    return super.readOnce(path);
  }
}

let host: CountingHost;
let sampler: ReturnType<typeof textfileSampler>;
let readings: Readings;

beforeEach(() => {
  host = new CountingHost();
  sampler = textfileSampler(DIR);
  readings = new Readings({ sampler: 'textfile', intervalMs: 10_000 });
});

function write(name: string, content: string | Buffer, modifiedMs = 1_000): void {
  host.files.set(`${DIR}/${name}`, content);
  host.facts.set(`${DIR}/${name}`, { modifiedMs });
}

function tick() {
  readings.begin();
  void sampler.sample(host, readings, new AbortController().signal);
  return readings.finish();
}

/** Lines of a tick without the times of the files, then what was complained about. */
function lines(): string[] {
  const values = tick().flatMap((part) => formatValues(part));
  const problems = readings.problems.map(({ what, error }) => `${what}: ${error.message}`);
  return [...values.filter((line) => !line.startsWith('node_textfile_mtime')), ...problems];
}

const ERROR = 'node_textfile_scrape_error 1';
const NO_ERROR = 'node_textfile_scrape_error 0';

describe('textfileSampler', () => {
  it('reads the files *.prom in the order of their names, with their times', () => {
    write('b.prom', 'jobs_total 3\n', 2_499.9149);
    write('a.prom', '# TYPE disk_ok gauge\ndisk_ok{disk="sda"} 1\ndisk_ok{disk="sdb"} 0\n');
    write('a.prom.tmp', 'half');
    const values = tick().flatMap((part) => formatValues(part));
    expect(values).toEqual([
      'disk_ok{disk="sda"} 1',
      'disk_ok{disk="sdb"} 0',
      'jobs_total 3',
      `node_textfile_mtime_seconds{file="${DIR}/a.prom"} 1`,
      `node_textfile_mtime_seconds{file="${DIR}/b.prom"} 2.5`,
      NO_ERROR,
    ]);
    expect(readings.problems).toEqual([]);
  });

  it('tells the type of a metric, and sends fractions of it as they are', () => {
    write('a.prom', '# TYPE a counter\na 1.75\nb 2\n');
    const [part] = tick();
    expect(part?.schema.metrics.slice(0, 2)).toMatchObject([
      { name: 'a', type: 'counter', encoding: 'float64' },
      { name: 'b', type: 'gauge', encoding: 'integer' },
    ]);
  });

  it('has a gap where a value is NaN or infinite', () => {
    write('a.prom', 'a NaN\nb +Inf\nc 1\n');
    const [part] = tick();
    expect(part?.errors.map(({ code }) => code)).toEqual([SAMPLE_ERROR.NOT_FINITE, SAMPLE_ERROR.NOT_FINITE]);
    expect(part === undefined ? [] : formatValues(part)).toContain('c 1');
  });

  it('puts series with different labels under one metric', () => {
    write('a.prom', 'ok{script="x"} 1\nok 1\n');
    write('b.prom', 'ok{zone="y"} 1\n');
    expect(lines()).toEqual([
      NO_ERROR,
      'ok{script="",zone=""} 1',
      'ok{script="",zone="y"} 1',
      'ok{script="x",zone=""} 1',
    ]);
  });

  it('reads a file again only when its time, size or number has changed', () => {
    write('a.prom', 'a 1\n');
    expect(lines()).toEqual(['a 1', NO_ERROR]);
    const [before] = tick();
    host.files.set(`${DIR}/a.prom`, 'a 2\n');
    expect(lines()).toEqual(['a 1', NO_ERROR]);
    expect(host.reads).toHaveLength(1);
    write('a.prom', 'a 2\n', 2_000);
    expect(lines()).toEqual(['a 2', NO_ERROR]);
    expect(tick()[0]?.schema).toBe(before?.schema);
    write('a.prom', 'a 33\n', 2_000);
    expect(lines()).toEqual(['a 33', NO_ERROR]);
    host.files.set(`${DIR}/a.prom`, 'a 44\n');
    host.facts.set(`${DIR}/a.prom`, { modifiedMs: 2_000, inode: 9 });
    expect(lines()).toEqual(['a 44', NO_ERROR]);
    expect(host.reads).toHaveLength(4);
  });

  it('makes another schema when a metric changes its type or labels', () => {
    write('a.prom', 'a{b="1"} 1\n');
    const hash = tick()[0]?.schema.hash;
    write('a.prom', 'a{c="1"} 1\n', 2_000);
    expect(lines()).toEqual(['a{c="1"} 1', NO_ERROR]);
    write('a.prom', '# TYPE a counter\na{b="1"} 1\n', 3_000);
    const [part] = tick();
    expect(part?.schema.hash).not.toBe(hash);
    expect(part?.schema.metrics[0]).toMatchObject({ type: 'counter', labelNames: ['b'] });
  });

  it('forgets a file that is gone', () => {
    write('a.prom', 'a 1\n');
    write('b.prom', 'b 1\n');
    tick();
    host.files.delete(`${DIR}/a.prom`);
    expect(lines()).toEqual(['b 1', NO_ERROR]);
  });

  it('takes no offence at a file that vanishes between the list and the look, but at a link to nowhere', () => {
    write('a.prom', 'a 1\n');
    write('b.prom', 'b 1\n');
    const list = host.list.bind(host);
    host.list = (path) => {
      const names = list(path);
      host.files.delete(`${DIR}/b.prom`);
      return names;
    };
    expect(lines()).toEqual(['a 1', NO_ERROR]);
    host.list = () => ['a.prom', 'b.prom'];
    expect(lines()).toEqual(['a 1', ERROR, `${DIR}/b.prom: open ${DIR}/b.prom`]);
  });

  it.each<[string, string | Buffer | undefined, RegExp]>([
    ['a wrong line', 'b 1\nb x\n', /line 2: value "x"/],
    ['half a line', 'b 1\nb', /ends within a line/],
    ['bytes that are not UTF-8', Buffer.from([0xff, 0x0a]), /is not UTF-8/],
    ['too many bytes', Buffer.alloc(FILE_BYTES_MAX + 1, '\n'), /1048577 bytes, at most 1048576/],
    ['a metric of ours', 'b 1\nnode_load1 99\n', /metric node_load1 is one of Rollcall's own/],
    ['a metric of the collector', 'up 1\n', /metric up is one of Rollcall's own/],
    ['a metric of rules', 'ALERTS{alertname="x"} 1\n', /metric ALERTS is one of Rollcall's own/],
    ['the times of the files', 'node_textfile_scrape_error 0\n', /one of Rollcall's own/],
    ['a label that the collector sets', 'b{instance="x"} 1\n', /label name "instance" of metric b/],
    ['a label for inside', 'b{__name__="x"} 1\n', /label name "__name__" of metric b/],
    ['a control character', 'b{c="\u001b[2J"} 1\n', /label value of metric b has control/],
    ['a line break in a label', 'b{c="x\\ny"} 1\n', /label value of metric b has control/],
    ['a label too long', `b{c="${'x'.repeat(LIMITS.labelValueBytes + 1)}"} 1\n`, /./],
    ['a name too long', `${'b'.repeat(LIMITS.labelNameBytes + 1)} 1\n`, /./],
    ['a label name too long', `b{${'c'.repeat(LIMITS.labelNameBytes + 1)}="1"} 1\n`, /./],
    ['too many labels', `b{${Array.from({ length: 17 }, (_, i) => `l${i}="1"`).join()}} 1\n`, /17 labels of/],
    ['a series of an earlier file', 'b 1\na 2\n', /metric a stands in .*\/a\.prom too/],
    [
      'another type than an earlier file',
      '# TYPE a counter\na{x="1"} 2\n',
      /counter here and a gauge in .*a\.prom/,
    ],
    ['nothing that may be read', undefined, /read/],
  ])('loses only the file with %s', (_what, content, message) => {
    write('a.prom', 'a 1\n');
    write('c.prom', 'c 1\n');
    if (content === undefined) host.files.set(`${DIR}/b.prom`, { fails: 'denied' });
    else write('b.prom', content);
    host.facts.set(`${DIR}/b.prom`, { bytes: content?.length ?? 0 });
    for (const _again of [1, 2]) {
      const [first, second, third, problem, ...more] = lines();
      expect([first, second, third, more]).toEqual(['a 1', 'c 1', ERROR, []]);
      expect(problem).toMatch(message);
      expect(problem).toMatch(/^\/var\/lib\/metrics\/b\.prom: /);
    }
    const times = tick().flatMap((part) => formatValues(part));
    expect(times.join('\n')).not.toContain('b.prom');
  });

  it('works again once the file is right', () => {
    write('a.prom', 'oops\n');
    expect(lines()[0]).toBe(ERROR);
    write('a.prom', 'a 1\n', 2_000);
    expect(lines()).toEqual(['a 1', NO_ERROR]);
  });

  it('does not open what is no regular file', () => {
    write('a.prom', 'a 1\n');
    host.facts.set(`${DIR}/a.prom`, { isFile: false });
    expect(lines()).toEqual([ERROR, `${DIR}/a.prom: is not a regular file`]);
    expect(host.reads).toEqual([]);
  });

  it('does not read a file whose name would control a terminal', () => {
    write('a\u001b[2J.prom', 'a 1\n');
    expect(lines()).toEqual([ERROR, `${DIR}: the name of file "a[2J.prom" has control characters`]);
  });

  it('says that there is no folder', () => {
    expect(lines()).toEqual([ERROR, `${DIR}: open ${DIR}`]);
  });

  it('reads the first files of too many', () => {
    for (let i = 0; i < FILES_MAX + 2; i++) write(`f${1_000 + i}.prom`, `m${1_000 + i} 1\n`);
    const found = lines();
    expect(found.filter((line) => line.startsWith('m'))).toHaveLength(FILES_MAX);
    expect(found.at(-1)).toBe(`${DIR}: it holds 66 files *.prom, only the first 64 are read`);
  });

  it('refuses the file with which there would be too many series, in one schema with the times', () => {
    const many = (count: number, name: string): string =>
      Array.from({ length: count }, (_, i) => `${name}{i="${i}"} ${i}\n`).join('');
    write('a.prom', many(SERIES_MAX - 1, 'a'));
    write('b.prom', many(2, 'b'));
    write('c.prom', many(1, 'c'));
    const found = lines();
    expect(found.at(-1)).toMatch(/b\.prom: its 2 series would make 1901 .* at most 1900/);
    expect(found).toContain('c{i="0"} 0');
    expect(readings.schemas).toHaveLength(1);
    expect(readings.dropped).toEqual({ duplicate: 0, unknown: 0, limit: 0 });
  });

  it('refuses the file whose labels would make the schema too large for a record', () => {
    const wide = (name: string, count: number): string =>
      Array.from({ length: count }, (_, i) => `${name}{i="${i}",x="${'x'.repeat(250)}"} 1\n`).join('');
    for (let i = 0; i < FILES_MAX; i++) write(`${'p'.repeat(200)}${1_000 + i}.prom`, wide(`m${i}`, 10));
    const found = lines();
    expect(found.at(-1)).toMatch(new RegExp(`bytes, at most ${SCHEMA_BYTES_MAX} are allowed`));
    const bytes = readings.schemas[0]?.bytes.length ?? 0;
    expect(bytes).toBeGreaterThan(SCHEMA_BYTES_MAX / 2);
    expect(bytes).toBeLessThan(LIMITS.recordBytes);
  });

  it('refuses a file that would give a metric too many labels together with others', () => {
    const labels = (from: number): string =>
      Array.from({ length: 10 }, (_, i) => `l${from + i}="1"`).join(',');
    write('a.prom', `a{${labels(0)}} 1\n`);
    write('b.prom', `a{${labels(10)}} 1\n`);
    expect(lines().at(-1)).toMatch(/metric a would have 20 labels together with .*a\.prom, at most 16/);
  });
});
