/** Reads all sections, each by itself: one that fails does not take the others along. */
import { canonicalSection, type InventorySection } from '@rollcall/shared/inventory/canonical.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { withSmart } from './disks/smart.linux.ts';
import type { LibraryCall } from './library.ts';
import type { RawRecord } from './raw.ts';
import { missingLine, sectionLine } from './report.ts';
import { libraryCalls, makeSections, type SectionScope } from './sections.ts';
import { isDenied, type SectionReader, type Source } from './source.ts';

export interface ReadOptions {
  readonly source: Source;
  readonly readers: readonly SectionReader[];
  readonly ask: (calls: readonly LibraryCall[]) => Promise<RawRecord>;
  /** Excluded sections are not read at all. */
  readonly scope: SectionScope;
  /** Takes the lines of report.ts, but for the manifest. */
  readonly print: (line: string) => void;
}

export async function readSections(options: ReadOptions): Promise<void> {
  const { source, readers, ask, scope, print } = options;
  const answers = await ask(libraryCalls(scope));
  const made = makeSections(answers, (path) => isKept(source, path), scope);
  for (const name of made.missing) print(missingLine({ name, reason: 'systeminformation gave no answer' }));
  for (const section of made.sections) {
    await reportOne(section.name, print, async () => {
      const content = section.name === 'disks' ? await withSmart(section.content, source) : section.content;
      return { name: section.name, content };
    });
  }
  for (const reader of readers.filter(({ name }) => !scope.excluded.has(name))) {
    await reportOne(reader.name, print, async () => {
      const content = await reader.read(source);
      return content === undefined ? undefined : { name: reader.name, content };
    });
  }
}

async function reportOne(
  name: string,
  print: (line: string) => void,
  read: () => Promise<InventorySection | undefined>,
): Promise<void> {
  try {
    const section = await read();
    if (section !== undefined) print(sectionLine(canonicalSection(section)));
  } catch (error) {
    // Whatever a hostile file does to one parser, the other sections travel; the reason says what it was.
    print(missingLine({ name, reason: describeError(error) }));
  }
}

/** Whether a file exists and is kept from us. */
function isKept({ host }: Source, path: string): boolean {
  try {
    host.readOnce(path);
    return false;
  } catch (error) {
    return isDenied(error);
  }
}
