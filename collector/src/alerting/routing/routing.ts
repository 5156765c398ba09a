/**
 * Who is told of an incident. The verdict on each receiver is stored with its outbox row, so that a notification that
 * nobody got can be explained.
 */
import { compile, labelValue, type LabelValues } from './matchers.ts';
import type { RouteConfig } from './route-config.ts';
import type { Target } from './target.ts';

export type Route =
  | {
      readonly receiver: string;
      readonly verdict: 'send';
      readonly delivery?: RouteDelivery | undefined;
    }
  | {
      readonly receiver: string;
      readonly verdict: 'suppressed';
      readonly reason: string;
      /** It is sent after all once nothing suppresses it any more; `delivery` says how. */
      readonly isHeld?: boolean | undefined;
      readonly delivery?: RouteDelivery | undefined;
    };

/** What a route says beyond the receiver. */
export interface RouteDelivery {
  /** Notifications with the same key may be told as one. */
  readonly groupKey: string;
  /** The labels that make the group, for people. */
  readonly groupLabels: LabelValues;
  /** How long the first of a group waits for others. */
  readonly groupWaitMs: number;
  /** After how long an unresolved incident is told again; `null` for never. */
  readonly repeatMs: number | null;
  /** Who is told as well when this receiver does not take it in time; `null` for nobody. */
  readonly fallback: string | null;
}

interface CompiledRoute {
  readonly config: RouteConfig;
  readonly fits: (labels: LabelValues) => boolean;
}

/** Pages and tickets go at once; nothing is repeated. */
const PLAIN: RouteDelivery = {
  groupKey: '',
  groupLabels: {},
  groupWaitMs: 0,
  repeatMs: null,
  fallback: null,
};

export class Router {
  readonly #routes: readonly CompiledRoute[];
  readonly #receivers: readonly string[];

  /** @throws AppError BAD_REQUEST when a matcher is malformed; a parsed configuration has none */
  constructor(routes: readonly RouteConfig[], receivers: readonly string[]) {
    this.#routes = routes.map((config) => ({ config, fits: compile(config.match) }));
    this.#receivers = receivers;
  }

  /**
   * One route for each receiver that is concerned, each receiver once: the first route that fits, and those after it
   * as long as `continue` says so. What no route takes goes to all receivers, if it is a page or a ticket.
   */
  routesOf(target: Target): readonly Route[] {
    const found = new Map<string, Route>();
    for (const { config, fits } of this.#routes) {
      if (!config.actions.includes(target.severity) || !fits(target.labels)) continue;
      const delivery = deliveryOf(config, target.labels);
      for (const receiver of config.receivers) {
        if (!found.has(receiver)) found.set(receiver, { receiver, verdict: 'send', delivery });
      }
      if (!config.continue) break;
    }
    return found.size > 0 ? [...found.values()] : this.#defaultRoutes(target);
  }

  #defaultRoutes({ severity }: Target): readonly Route[] {
    switch (severity) {
      case 'page':
      case 'ticket':
        return this.#receivers.map((receiver) => ({ receiver, verdict: 'send', delivery: PLAIN }));
      case 'info':
      case 'capacity':
        return this.#receivers.map((receiver) => ({
          receiver,
          verdict: 'suppressed',
          reason: `incidents of severity ${severity} are shown, not sent`,
        }));
      default:
        return severity satisfies never;
    }
  }
}

function deliveryOf(config: RouteConfig, labels: LabelValues): RouteDelivery {
  const values = config['group-by'].map((name) => [name, labelValue(labels, name)] as const);
  return {
    groupKey: JSON.stringify([config.name, ...values]),
    groupLabels: Object.fromEntries(values),
    groupWaitMs: config['group-wait'],
    repeatMs: config['repeat-interval'] ?? null,
    fallback: config.fallback ?? null,
  };
}
