/**
 * Writes the pages of docs/ that follow from tables in the code: `node docs/generate.ts`. With `--check` it writes nothing
 * and fails when a page is not what it should be. A new page is one row of PAGES.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { OPTIONS as AGENT_OPTIONS } from '../agent/src/config/options.ts';
import { OPTIONS as COLLECTOR_OPTIONS } from '../collector/src/config/options.ts';
import { availabilityOf } from '../shared/src/catalogue/availability.ts';
import { isMetricName, METRICS, metricDefinition } from '../shared/src/catalogue/metrics.ts';
import { ERROR_CODES } from '../shared/src/lib/errors.ts';

/** One generated page. Cells are Markdown. */
interface Page {
  /** In docs/. */
  readonly file: string;
  readonly title: string;
  /** What the page is about and whom it helps, in Markdown. */
  readonly intro: string;
  /** Path of the table that it follows from. */
  readonly source: string;
  readonly header: readonly string[];
  readonly rows: () => readonly (readonly string[])[];
}

const PAGES: readonly Page[] = [
  {
    file: 'errors.md',
    title: 'Error codes',
    intro:
      'Every failure that Rollcall expects has one of these codes. They stand in logs, in answers of the API, in metrics ' +
      'and in messages between agent and collector. A code keeps its meaning for ever.',
    source: 'shared/src/lib/errors.ts',
    header: ['Code', 'Meaning'],
    rows: () => Object.entries(ERROR_CODES).map(([code, meaning]) => [`\`${code}\``, meaning]),
  },
  {
    file: 'config.md',
    title: 'Settings',
    intro:
      'Each key is also a flag (`--down-grace 1m`) and a variable (`ROLLCALL_DOWN_GRACE=1m`; for the agent also ' +
      '`ROLLCALL_AGENT_…`). Flag beats variable beats file beats default. `--config` names the file.',
    source: 'the config/options.ts of each program',
    header: ['Program', 'Key', 'Value', 'Default', 'Meaning'],
    rows: () => [
      ...COLLECTOR_OPTIONS.map((option) => ['collector', ...settingCells(option)]),
      ...Object.values(AGENT_OPTIONS).map((option) => ['agent', ...settingCells(option)]),
    ],
  },
  {
    file: 'metrics.md',
    title: 'Metrics',
    intro:
      'Names, labels and types are those of node_exporter where it has them. Every series also carries `instance` and ' +
      '`job`, which the collector adds. A metric exists only where the kernel provides it. Text files of a ' +
      'machine add others (operations.md, `textfile-dir`). The collector’s own metrics are on its `/metrics`.',
    source: 'shared/src/catalogue/metrics.ts',
    header: ['Metric', 'Type', 'Unit', 'Labels', 'Made by', 'On', 'Since', 'Meaning'],
    rows: () =>
      Object.keys(METRICS)
        .filter(isMetricName)
        .map((name) => {
          const { type, unit, labels, madeBy, help } = metricDefinition(name);
          const { systems, since } = availabilityOf(name);
          return [
            `\`${name}\``,
            type,
            unit,
            labels.map((label) => `\`${label}\``).join(' '),
            madeBy,
            systems.join(', '),
            since ?? '',
            help,
          ];
        }),
  },
];

interface Setting {
  readonly key: string;
  readonly shape: string;
  readonly fallback: string | undefined;
  readonly help: string;
}

function settingCells({ key, shape, fallback, help }: Setting): string[] {
  return [`\`${key}\``, shape, fallback === undefined ? '' : `\`${fallback}\``, help];
}

function markdownOf({ title, intro, source, header, rows }: Page): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [
    `# ${title}`,
    `<!-- Made from ${source} by "npm run generate"; changes belong there. -->`,
    intro,
    [line(header), line(header.map(() => '---')), ...rows().map(line)].join('\n'),
  ].join('\n\n');
}

/** A cell ends at a bar or a line break. */
function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}

/** The page as it should be, formatted like everything else in the repository. */
async function render(page: Page, path: string): Promise<string> {
  return format(markdownOf(page), { ...(await resolveConfig(path)), parser: 'markdown' });
}

async function main(isCheck: boolean): Promise<void> {
  for (const page of PAGES) {
    const path = join(import.meta.dirname, page.file);
    const text = await render(page, path);
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    if (isCheck) {
      process.exitCode = 1;
      console.error(
        `docs/${page.file} does not match ${page.source}: run "npm run generate" and commit the page`,
      );
    } else {
      writeFileSync(path, text);
      console.log(`wrote docs/${page.file}`);
    }
  }
}

await main(process.argv.includes('--check'));
