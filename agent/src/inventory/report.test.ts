import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { HostError } from '../host/host.ts';
import { manifestLine, missingLine, parseReport, sectionLine } from './report.ts';

const MANIFEST = manifestLine({ files: [{ what: '/etc/passwd', outcome: 'ok' }], programs: [] });

describe('parseReport', () => {
  it('gives back what was printed, byte for byte', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (content) => {
        const section = canonicalSection({ name: 'os', content });
        const { sections } = parseReport(Buffer.from(sectionLine(section) + MANIFEST));
        expect(sections).toEqual([section]);
      }),
    );
  });

  it('reads a section of several mebibytes', () => {
    const packages = Array.from({ length: 30_000 }, (_, i) => ({ name: `package-${i}`, version: '1.0' }));
    const section = canonicalSection({ name: 'packages', content: { packages } });
    const reading = parseReport(Buffer.from(sectionLine(section) + MANIFEST));
    expect(reading.sections[0]?.hash).toBe(section.hash);
  });

  it('reads missing sections, whose reason stays on one line, and the manifest', () => {
    const line = missingLine({ name: 'users', reason: 'open /etc/passwd\nsection os {}' });
    const reading = parseReport(Buffer.from(line + MANIFEST));
    expect(reading).toEqual({
      sections: [],
      missing: [{ name: 'users', reason: 'open /etc/passwdsection os {}' }],
      manifest: { files: [{ what: '/etc/passwd', outcome: 'ok' }], programs: [] },
    });
  });

  it.each([
    ['nothing', ''],
    ['no manifest', 'section os {}\n'],
    ['a cut line', `${MANIFEST}section os {`],
    ['words of somebody else', `warning: x\n${MANIFEST}`],
    ['a name that is a path', `section ../os {}\n${MANIFEST}`],
    ['a section without content', `section os \n${MANIFEST}`],
    ['a manifest that is no JSON', 'manifest {\n'],
    ['a manifest that is a list', 'manifest []\n'],
  ])('refuses %s', (_, output) => {
    expect(() => parseReport(Buffer.from(output))).toThrow(HostError);
  });

  it('leaves out what is no entry of a manifest', () => {
    const files = [{ what: 1, outcome: 'ok' }, { what: '/a', outcome: 'fine' }, null];
    const { manifest } = parseReport(Buffer.from(`manifest ${JSON.stringify({ files, programs: 3 })}\n`));
    expect(manifest).toEqual({ files: [], programs: [] });
  });
});
