/**
 * The collector's own metrics on `/metrics`. Each room describes its counters in a table; this file turns the tables
 * into prom-client metrics on the one registry there is. No label value ever comes from an agent.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

export interface CounterRow {
  readonly help: string;
  readonly labels: readonly string[];
}

/** Counter names, each ending in `_total`, to what they count. */
export type CounterTable = Readonly<Record<string, CounterRow>>;

/** A value that is read when `/metrics` is; several when it has a label. */
export interface GaugeRow {
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  readonly read: () => number | Readonly<Record<string, number>>;
}

export interface SelfMetrics {
  /** Shows these too from now on; a name that is there already is a bug and throws. */
  addGauges(rows: readonly GaugeRow[]): void;
  /** Adds `by` (default 1); unknown names are a bug and throw. */
  increment(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  /** The text format and its content type. */
  read(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Counters are there from the start; gauges are added when what they look at is there. */
export function createSelfMetrics(tables: readonly CounterTable[]): SelfMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter<string>>();
  for (const table of tables) {
    for (const [name, { help, labels }] of Object.entries(table)) {
      const counter = new Counter<string>({ name, help, labelNames: [...labels], registers: [registry] });
      // A counter without labels exists from the start, so that a rule over it sees 0 instead of nothing.
      if (labels.length === 0) counter.inc(0);
      counters.set(name, counter);
    }
  }
  return {
    addGauges(rows) {
      for (const row of rows) registerGauge(registry, row);
    },
    increment(name, labels = {}, by = 1) {
      const counter = counters.get(name);
      if (counter === undefined) throw new Error(`counter ${name} stands in no table`);
      counter.inc(labels, by);
    },
    read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function registerGauge(registry: Registry, { name, help, label, read }: GaugeRow): void {
  const gauge: Gauge<string> = new Gauge<string>({
    name,
    help,
    labelNames: label === undefined ? [] : [label],
    registers: [registry],
    collect() {
      const value = read();
      if (typeof value === 'number') {
        gauge.set(value);
        return;
      }
      gauge.reset();
      for (const [key, one] of Object.entries(value)) gauge.set({ [label ?? 'key']: key }, one);
    },
  });
}
