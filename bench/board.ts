/** The queries of a Grafana dashboard, as Grafana would send them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** One query of a panel. */
export interface Target {
  readonly row: string;
  readonly panel: string;
  readonly refId: string;
  readonly isInstant: boolean;
  /** PromQL with Grafana's variables. */
  readonly expression: string;
}

/** A variable that is filled with the values of a label. */
export interface LabelVariable {
  readonly name: string;
  /** Series selector with variables. */
  readonly selector: string;
  readonly label: string;
}

export interface Board {
  readonly title: string;
  readonly variables: readonly LabelVariable[];
  readonly targets: readonly Target[];
}

const targetShape = z.object({ expr: z.string(), refId: z.string(), instant: z.boolean().optional() });
const panelShape = z.object({
  type: z.string(),
  title: z.string().default(''),
  targets: z.array(targetShape).default([]),
});
const rowShape = panelShape.extend({ panels: z.array(panelShape).default([]) });
const boardShape = z.object({
  title: z.string(),
  panels: z.array(rowShape),
  templating: z.object({
    list: z.array(
      z.object({
        name: z.string(),
        type: z.string(),
        definition: z.string().default(''),
        query: z.unknown(),
      }),
    ),
  }),
});
const querySource = z.object({ query: z.string() });

/** @throws when the file is no dashboard in Grafana's classic JSON */
export function loadBoard(path: string): Board {
  const board = boardShape.parse(JSON.parse(readFileSync(path, 'utf8')));
  const targets: Target[] = [];
  let row = '';
  for (const panel of board.panels) {
    if (panel.type === 'row') row = panel.title;
    for (const { title, targets: given } of [panel, ...panel.panels]) {
      for (const { expr, refId, instant } of given) {
        targets.push({ row, panel: title, refId, isInstant: instant ?? false, expression: expr });
      }
    }
  }
  const variables = board.templating.list.flatMap(({ name, type, query }): LabelVariable[] => {
    const source = querySource.safeParse(query);
    const match = /^label_values\((.*),\s*(\w+)\)$/.exec(source.success ? source.data.query : '');
    const [, selector = '', label = ''] = match ?? [];
    return type === 'query' && match !== null ? [{ name, selector, label }] : [];
  });
  return { title: board.title, variables, targets };
}

/** `text` with its `$name` and `${name}` replaced; unknown ones stay. */
export function substitute(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(
    /\$\{(\w+)(?::\w+)?\}|\$(\w+)/g,
    (whole, braced: string | undefined, plain: string) => {
      return variables.get(braced ?? plain) ?? whole;
    },
  );
}

/**
 * A file of the public test data that ROLLCALL_CONFORMANCE points at.
 * @throws when the variable is not set
 */
export function conformanceFile(...path: readonly string[]): string {
  const folder = process.env['ROLLCALL_CONFORMANCE'];
  if (folder === undefined) throw new Error('set ROLLCALL_CONFORMANCE to the folder of public test data');
  return join(folder, ...path);
}
