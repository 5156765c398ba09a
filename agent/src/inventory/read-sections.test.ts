import { describe, expect, it } from 'vitest';
import { manifestLine, parseReport, type InventoryReading } from './report.ts';
import { readSections, type ReadOptions } from './read-sections.ts';
import { FakeSource } from './testing.ts';

async function read(options: Partial<ReadOptions>): Promise<InventoryReading> {
  let output = '';
  await readSections({
    source: new FakeSource(),
    readers: [],
    ask: () => Promise.resolve({}),
    scope: { platform: 'linux', excluded: new Set() },
    print: (line) => void (output += line),
    ...options,
  });
  return parseReport(Buffer.from(output + manifestLine({ files: [], programs: [] })));
}

describe('readSections', () => {
  it('reads the others when one fails, is a bug, or has nothing to say', async () => {
    const { sections, missing } = await read({
      readers: [
        { name: 'broken', read: () => Promise.reject(new Error('list\n is locked')) },
        { name: 'bug', read: () => JSON.parse('{') },
        { name: 'none', read: () => undefined },
        { name: 'fine', read: () => ({ a: 1 }) },
      ],
      scope: {
        platform: 'linux',
        excluded: new Set(['system', 'bios', 'board', 'chassis', 'cpu', 'memory', 'disks', 'nics', 'os']),
      },
    });
    expect(sections.map(({ name }) => name)).toEqual(['fine']);
    expect(missing).toEqual([
      { name: 'broken', reason: 'list is locked' },
      { name: 'bug', reason: expect.stringContaining('JSON') },
    ]);
  });

  it('neither asks nor reads what is excluded', async () => {
    const asked: string[] = [];
    const { sections } = await read({
      ask: (calls) => {
        asked.push(...calls);
        return Promise.resolve({ osInfo: { platform: 'linux' } });
      },
      readers: [
        {
          name: 'users',
          read: () => {
            throw new Error('must not be read');
          },
        },
      ],
      scope: {
        platform: 'linux',
        excluded: new Set(['users', 'disks', 'nics', 'cpu', 'memory', 'bios', 'board', 'chassis', 'system']),
      },
    });
    expect(asked).toEqual(['osInfo']);
    expect(sections.map(({ name }) => name)).toEqual(['os']);
  });

  it('adds the health of disks', async () => {
    const source = new FakeSource();
    source.outputs.set('smart /dev/sda', '{"serial_number":"S","smartctl":{"exit_status":0}}');
    const { sections } = await read({
      source,
      ask: () =>
        Promise.resolve({
          blockDevices: [{ name: 'sda', type: 'disk', device: '/dev/sda', size: 10 }],
          diskLayout: [],
        }),
    });
    expect(sections.find(({ name }) => name === 'disks')?.bytes.toString()).toContain('"serial":"S"');
  });
});
