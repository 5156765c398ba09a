/** The settings of routes, as the configuration file holds them. */
import * as z from 'zod';
import { labelNames, matcherList, shortName, span } from './fields.ts';

const HOUR_MS = 3_600_000;

const routeConfigSchema = z.strictObject({
  name: shortName,
  /** All must fit; without any the route takes everything. */
  match: matcherList.default([]),
  /** The action classes that it takes. */
  actions: z
    .array(
      z.enum(['page', 'ticket', 'info', 'capacity'], { error: 'must be page, ticket, info or capacity' }),
      {
        error: 'must be a list of page, ticket, info or capacity',
      },
    )
    .min(1, 'must have at least one entry')
    .default(['page', 'ticket']),
  receivers: z
    .array(z.string({ error: 'must be the name of a receiver' }), { error: 'must be a list of receivers' })
    .min(1, 'must name at least one receiver')
    .max(16, 'must name at most 16 receivers'),
  /** Who is told as well when a receiver of this route does not take a notification in time. */
  fallback: z.string({ error: 'must be the name of a receiver' }).optional(),
  'group-by': labelNames.default(['alertname']),
  'group-wait': span({ minMs: 0, maxMs: HOUR_MS }).default(0),
  'repeat-interval': span({ minMs: 60_000, maxMs: 30 * 24 * HOUR_MS }).optional(),
  /** Whether the routes after it are asked too. */
  continue: z.boolean({ error: 'must be true or false' }).default(false),
});
export type RouteConfig = Readonly<z.output<typeof routeConfigSchema>>;

const ROUTES_MAX = 100;

/** The list of routes. */
export const routesSchema = z
  .array(routeConfigSchema, { error: 'must be a list of routes' })
  .max(ROUTES_MAX, `must have at most ${ROUTES_MAX} entries`)
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, 'must not use a name twice');

/** One line for each receiver that a route names and nobody has configured. */
export function unknownReceivers(
  routes: readonly RouteConfig[],
  known: ReadonlySet<string>,
): readonly string[] {
  return routes.flatMap(({ name, receivers, fallback }) =>
    [...receivers, ...(fallback === undefined ? [] : [fallback])]
      .filter((receiver) => !known.has(receiver))
      .map(
        (receiver) =>
          `routes: route "${name}" names the receiver "${receiver}", which is not among receivers (${[...known].join(', ') || 'there are none'})`,
      ),
  );
}
