/** `/v1/routes` and `/v1/dependencies`: what the configuration file says of who is told of what. Only for reading. */
import { Router } from 'express';
import type { DependencyConfig } from '../../alerting/inhibition/dependencies.ts';
import type { RouteConfig } from '../../alerting/routing/route-config.ts';
import type { DependenciesAnswer, RouteShape, RoutesAnswer } from '../types.ts';

export interface RoutingPort {
  /** In the order in which they are asked. */
  readonly routes: readonly RouteConfig[];
  readonly dependencies: readonly DependencyConfig[];
}

export function routesRouter({ routes }: Pick<RoutingPort, 'routes'>): Router {
  const answer: RoutesAnswer = { routes: routes.map(shapeOf) };
  return Router().get('/', (_request, response) => void response.json(answer));
}

export function dependenciesRouter({ dependencies }: Pick<RoutingPort, 'dependencies'>): Router {
  const answer: DependenciesAnswer = {
    dependencies: dependencies.map(({ match, parent, grace }) => ({
      matchers: match,
      parent,
      graceMs: grace,
    })),
  };
  return Router().get('/', (_request, response) => void response.json(answer));
}

function shapeOf(route: RouteConfig): RouteShape {
  return {
    name: route.name,
    matchers: route.match,
    actions: route.actions,
    receivers: route.receivers,
    fallback: route.fallback ?? null,
    groupBy: route['group-by'],
    groupWaitMs: route['group-wait'],
    repeatIntervalMs: route['repeat-interval'] ?? null,
    continue: route.continue,
  };
}
