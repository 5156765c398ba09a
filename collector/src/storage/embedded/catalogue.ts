/**
 * Which host used which schema when: enough to say which series exist, and where their samples are, without reading a
 * single record. It costs memory for hosts × samplers, not for series.
 */
import type { Schema } from '@rollcall/shared/protocol/schema.ts';
import { COLLECTOR_AGENT_ID, type CommittedSamples } from '../../journal/journal.ts';
import type { LaneRange, SchemaUse } from '../../journal/reader.ts';
import type { ExpectedRead } from '../storage.ts';

export interface UsedSchema {
  readonly schema: Schema;
  firstMs: number;
  lastMs: number;
}

export interface CatalogueLane {
  readonly laneId: number;
  /** Record times. */
  oldestMs: number;
  newestMs: number;
  offsetMsMax: number;
  /** By schema number. */
  readonly uses: Map<number, UsedSchema>;
}

export interface CatalogueHost {
  readonly agentId: string;
  readonly lanes: Map<number, CatalogueLane>;
}

export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

export class Catalogue {
  readonly #hosts = new Map<string, CatalogueHost>();
  readonly #metricNames = new Set<string>();
  #version = 0;

  /** Grows whenever a host comes or goes, and when one begins to use a schema. */
  get version(): number {
    return this.#version;
  }

  get hosts(): ReadonlyMap<string, CatalogueHost> {
    return this.#hosts;
  }

  /** Of every metric that a host uses; those that nobody uses any more go with the next deletion. */
  get metricNames(): ReadonlySet<string> {
    return this.#metricNames;
  }

  /** How far back each sampler of agents that has one of these metrics is going to be read, in milliseconds. */
  expectedOf(reads: readonly ExpectedRead[]): ReadonlyMap<string, number> {
    const backMsOf = new Map<string, number>();
    for (const { metric, backMs } of reads) backMsOf.set(metric, Math.max(backMs, backMsOf.get(metric) ?? 0));
    const bySampler = new Map<string, number>();
    for (const { sampler, metrics } of this.#agentSchemas()) {
      for (const { name } of metrics) {
        const backMs = backMsOf.get(name);
        if (backMs !== undefined) bySampler.set(sampler, Math.max(backMs, bySampler.get(sampler) ?? 0));
      }
    }
    return bySampler;
  }

  /** Takes in what the journal had at the start. */
  load(lanes: Iterable<LaneRange>, uses: Iterable<SchemaUse>): void {
    const byId = new Map<number, CatalogueLane>();
    // A fleet has few.
    const seen = new Set<Schema>();
    for (const { laneId, agentId, oldestMs, newestMs, offsetMsMax } of lanes) {
      const lane = { laneId, oldestMs, newestMs, offsetMsMax, uses: new Map<number, UsedSchema>() };
      byId.set(laneId, lane);
      this.#host(agentId).lanes.set(laneId, lane);
    }
    for (const { laneId, number, schema, firstMs, lastMs } of uses) {
      byId.get(laneId)?.uses.set(number, { schema, firstMs, lastMs });
      seen.add(schema);
    }
    for (const schema of seen) this.#noteNames(schema);
  }

  /** Takes in a tick that was committed. */
  add({ agentId, laneId, timeMs, blocks }: CommittedSamples): void {
    const host = this.#host(agentId);
    let lane = host.lanes.get(laneId);
    if (lane === undefined) {
      lane = { laneId, oldestMs: timeMs, newestMs: timeMs, offsetMsMax: 0, uses: new Map() };
      host.lanes.set(laneId, lane);
    }
    lane.oldestMs = Math.min(lane.oldestMs, timeMs);
    lane.newestMs = Math.max(lane.newestMs, timeMs);
    for (const block of blocks) {
      lane.offsetMsMax = Math.max(lane.offsetMsMax, Math.abs(block.offsetMs));
      if (block.kind !== 'values') continue;
      if (!lane.uses.has(block.schemaNumber)) {
        this.#version++;
        this.#noteNames(block.schema);
      }
      addUse(lane, block.schemaNumber, block.schema, timeMs + block.offsetMs);
    }
  }

  /** Forgets what was deleted from the journal. */
  prune(olderThanMs: number): void {
    for (const [agentId, { lanes }] of this.#hosts) {
      for (const [laneId, lane] of lanes) {
        lane.oldestMs = Math.max(lane.oldestMs, olderThanMs);
        if (lane.newestMs < olderThanMs) lanes.delete(laneId);
        // A reading may be somewhat older than its record.
        const beforeMs = olderThanMs - lane.offsetMsMax;
        for (const [number, use] of lane.uses) if (use.lastMs < beforeMs) lane.uses.delete(number);
      }
      if (lanes.size > 0) continue;
      this.#hosts.delete(agentId);
      this.#version++;
    }
    this.#metricNames.clear();
    for (const schema of this.#schemas(this.#hosts.values())) this.#noteNames(schema);
  }

  #agentSchemas(): ReadonlySet<Schema> {
    return this.#schemas([...this.#hosts.values()].filter(({ agentId }) => agentId !== COLLECTOR_AGENT_ID));
  }

  #schemas(hosts: Iterable<CatalogueHost>): ReadonlySet<Schema> {
    const seen = new Set<Schema>();
    for (const { lanes } of hosts) {
      for (const { uses } of lanes.values()) for (const { schema } of uses.values()) seen.add(schema);
    }
    return seen;
  }

  #noteNames({ metrics }: Schema): void {
    for (const { name } of metrics) this.#metricNames.add(name);
  }

  #host(agentId: string): CatalogueHost {
    let host = this.#hosts.get(agentId);
    if (host === undefined) {
      host = { agentId, lanes: new Map() };
      this.#hosts.set(agentId, host);
      this.#version++;
    }
    return host;
  }
}

/** Lanes that may have readings in the range, those with the oldest data first. */
export function lanesIn(host: CatalogueHost, { fromMs, toMs }: TimeRange): CatalogueLane[] {
  const lanes: CatalogueLane[] = [];
  for (const lane of host.lanes.values()) {
    if (isLaneIn(lane, fromMs, toMs)) lanes.push(lane);
  }
  return lanes.length < 2 ? lanes : lanes.sort((left, right) => left.oldestMs - right.oldestMs);
}

/** Gives the schemas that the host may have used in the range; one that several lanes use comes several times. */
export function eachSchemaIn(
  { lanes }: CatalogueHost,
  { fromMs, toMs }: TimeRange,
  take: (schema: Schema) => void,
): void {
  for (const lane of lanes.values()) {
    if (!isLaneIn(lane, fromMs, toMs)) continue;
    for (const { schema, firstMs, lastMs } of lane.uses.values()) {
      if (firstMs <= toMs && lastMs >= fromMs) take(schema);
    }
  }
}

function isLaneIn({ newestMs, oldestMs, offsetMsMax }: CatalogueLane, fromMs: number, toMs: number): boolean {
  return newestMs + offsetMsMax >= fromMs && oldestMs - offsetMsMax <= toMs;
}

function addUse(lane: CatalogueLane, number: number, schema: Schema, timeMs: number): void {
  const use = lane.uses.get(number);
  if (use === undefined) {
    lane.uses.set(number, { schema, firstMs: timeMs, lastMs: timeMs });
    return;
  }
  use.firstMs = Math.min(use.firstMs, timeMs);
  use.lastMs = Math.max(use.lastMs, timeMs);
}
