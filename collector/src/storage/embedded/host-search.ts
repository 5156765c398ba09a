/** Which hosts a read is about: those of the catalogue and those of which only block files are left, as far as they fit. */
import { COLLECTOR_AGENT_ID } from '../../journal/journal.ts';
import type { Matcher } from '../matcher.ts';
import type { BlockFile } from './block-file.ts';
import type { Catalogue, CatalogueHost } from './catalogue.ts';
import { KnownMatches, newMatch, type FoundHost, type KnownMatch } from './known-matches.ts';
import type { Identity } from './matching.ts';
import type { Pace } from './pace.ts';

/** As in EmbeddedOptions. */
export interface HostNames {
  readonly identityOf: (agentId: string) => Identity | undefined;
  readonly identitiesVersion?: () => number;
}

export class HostSearch {
  readonly #names: HostNames;
  readonly #matches = new KnownMatches();
  readonly #strangers = new WeakMap<
    BlockFile,
    { readonly version: string; readonly hosts: readonly string[] }
  >();
  #catalogue: Catalogue;
  #replacements = 0;

  constructor(catalogue: Catalogue, names: HostNames) {
    this.#catalogue = catalogue;
    this.#names = names;
  }

  get catalogue(): Catalogue {
    return this.#catalogue;
  }

  /** From now on there is another catalogue. A search that is under way goes on in the one before. */
  replace(catalogue: Catalogue): void {
    this.#catalogue = catalogue;
    this.#replacements++;
  }

  /** What is known of matchers, if it is still good. */
  known(matchers: readonly Matcher[]): KnownMatch {
    const { identitiesVersion } = this.#names;
    if (identitiesVersion === undefined) return newMatch(matchers);
    return this.#matches.of(matchers, `${identitiesVersion()} ${this.#catalogueVersion}`);
  }

  /**
   * The hosts of the catalogue that fit; looks for them once for each `known`.
   * @throws AppError QUERY_CANCELED, as the next
   */
  async inCatalogue(known: KnownMatch, pace: Pace): Promise<readonly FoundHost[]> {
    if (known.hosts === undefined) {
      known.hosts = await this.#fitting(this.#catalogue.hosts.values(), known, pace);
      known.weight += known.hosts.length;
    }
    return known.hosts;
  }

  /** The hosts that fit and of which nothing but samples in one of the files is left. */
  onlyIn(files: readonly BlockFile[], known: KnownMatch, pace: Pace): Promise<readonly FoundHost[]> {
    // What they weigh is not that of the catalogue's hosts, for they are not kept.
    return this.#fitting(this.#hostsOnlyIn(files), { ...known }, pace);
  }

  /** All hosts with samples, in the catalogue or in one of the files. */
  *all(files: readonly BlockFile[]): Iterable<CatalogueHost> {
    yield* this.#catalogue.hosts.values();
    yield* this.#hostsOnlyIn(files);
  }

  /** The host with its identity, unless it is not known or its identity does not fit. */
  found(host: CatalogueHost, by: KnownMatch): FoundHost | undefined {
    const identity = host.agentId === COLLECTOR_AGENT_ID ? [] : this.#names.identityOf(host.agentId);
    if (identity === undefined) return undefined;
    const match = by.matching.host(identity);
    return match === undefined ? undefined : { by, host, identity, match, labels: new Map() };
  }

  async #fitting(hosts: Iterable<CatalogueHost>, by: KnownMatch, pace: Pace): Promise<readonly FoundHost[]> {
    const all: FoundHost[] = [];
    for (const host of hosts) {
      if (pace.isDue) await pace.rest();
      const found = this.found(host, by);
      if (found !== undefined) all.push(found);
    }
    return all;
  }

  *#hostsOnlyIn(files: readonly BlockFile[]): Iterable<CatalogueHost> {
    const seen = new Set<string>();
    for (const file of files) {
      for (const agentId of this.#strangersIn(file)) {
        if (seen.has(agentId)) continue;
        seen.add(agentId);
        yield { agentId, lanes: new Map() };
      }
    }
  }

  /** Hosts of a file that are not in the catalogue. They are nearly always none, and looking for them takes long. */
  #strangersIn(file: BlockFile): readonly string[] {
    const version = this.#catalogueVersion;
    let strangers = this.#strangers.get(file);
    if (strangers?.version !== version) {
      const hosts = [...file.hostIds()].filter((agentId) => !this.#catalogue.hosts.has(agentId));
      strangers = { version, hosts };
      this.#strangers.set(file, strangers);
    }
    return strangers.hosts;
  }

  /** Another one whenever a host came or went. */
  get #catalogueVersion(): string {
    return `${this.#replacements} ${this.#catalogue.version}`;
  }
}
