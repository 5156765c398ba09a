/** Which hosts a read is about: those of the catalogue and those of which only block files are left, as far as they fit. */
import { COLLECTOR_AGENT_ID } from '../../../journal/journal.ts';
import { partIndexOf } from '../../host-part.ts';
import { HOST_LABEL, METRIC_NAME } from '../../labels.ts';
import type { Matcher } from '../../matcher.ts';
import type { HostPart } from '../../storage.ts';
import type { BlockFile } from '../blocks/block-file.ts';
import type { Catalogue, CatalogueHost } from '../catalogue.ts';
import { HOST_WEIGHT, KnownMatches, newMatch, type FoundHost, type KnownMatch } from './known-matches.ts';
import type { Identity } from './matching.ts';
import type { Pace } from './pace.ts';

/** As in EmbeddedOptions. */
export interface HostNames {
  readonly identityOf: (agentId: string) => Identity | undefined;
  readonly identitiesVersion?: () => number;
}

/** A host whose labels are known. */
interface NamedHost {
  readonly host: CatalogueHost;
  readonly identity: Identity;
  /** `''` when its labels do not say it. */
  readonly instance: string;
}

/** What is found once for all matchers. */
interface Everyone {
  readonly version: string;
  readonly hosts: readonly NamedHost[];
  /** The same by parts, for as many parts as were asked for last. */
  parts: readonly (readonly NamedHost[])[];
}

export class HostSearch {
  readonly #names: HostNames;
  readonly #matches = new KnownMatches();
  readonly #strangers = new WeakMap<
    BlockFile,
    { readonly version: string; readonly hosts: readonly string[] }
  >();
  /** The hosts of the catalogue, looked up once for all matchers. */
  #all: Everyone | undefined;
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
   * The hosts of the catalogue that fit; looks for them once for each `known`, unless only a part of them is wanted.
   * @throws AppError QUERY_CANCELED, as the next
   */
  async inCatalogue(known: KnownMatch, pace: Pace, part?: HostPart): Promise<readonly FoundHost[]> {
    // A part is not kept, and weighs nothing: there are so many hosts that all of them would not be kept either.
    if (part !== undefined) return this.#fitting(this.#everyoneIn(part), { ...known }, pace, part);
    if (known.hosts === undefined) {
      known.hosts = await this.#fitting(this.#everyone(), known, pace);
      known.weight += known.hosts.length * HOST_WEIGHT;
    }
    return known.hosts;
  }

  /** The hosts that fit and of which nothing but samples in one of the files is left. */
  onlyIn(
    files: readonly BlockFile[],
    known: KnownMatch,
    pace: Pace,
    part?: HostPart,
  ): Promise<readonly FoundHost[]> {
    const hosts = this.#named(this.#hostsOnlyIn(files));
    // What they weigh is not that of the catalogue's hosts, for they are not kept.
    return this.#fitting(part === undefined ? hosts : inPart(hosts, part), { ...known }, pace, part);
  }

  /** All hosts with samples, in the catalogue or in one of the files. */
  *all(files: readonly BlockFile[]): Iterable<CatalogueHost> {
    yield* this.#catalogue.hosts.values();
    yield* this.#hostsOnlyIn(files);
  }

  /** The host with its identity, unless it is not known or its identity does not fit. */
  found(host: CatalogueHost, by: KnownMatch): FoundHost | undefined {
    for (const named of this.#named([host])) return foundBy(by, named);
    return undefined;
  }

  /** Whether a host of the catalogue has used a metric with such a name; without matchers of the name, of any name. */
  hasMetric(matchers: readonly Matcher[]): boolean {
    const ofName = matchers.filter(({ name }) => name === METRIC_NAME);
    const { metricNames } = this.#catalogue;
    const exact = ofName.find(({ operator }) => operator === '=');
    const isWanted = (name: string): boolean => ofName.every((matcher) => matcher.matches(name));
    if (exact !== undefined) return metricNames.has(exact.value) && isWanted(exact.value);
    if (ofName.length === 0) return true;
    for (const name of metricNames) if (isWanted(name)) return true;
    return false;
  }

  async #fitting(
    hosts: Iterable<NamedHost>,
    by: KnownMatch,
    pace: Pace,
    part?: HostPart,
  ): Promise<readonly FoundHost[]> {
    const all: FoundHost[] = [];
    for (const named of hosts) {
      if (pace.isDue) await pace.rest();
      const found = foundBy(by, named, part);
      if (found !== undefined) all.push(found);
    }
    return all;
  }

  /**
   * All hosts of the catalogue with their labels, nearly in the order in which series are answered: what has one series
   * a host is sorted already.
   */
  #everyone(): Iterable<NamedHost> {
    const { identitiesVersion } = this.#names;
    const hosts = this.#named(this.#catalogue.hosts.values());
    if (identitiesVersion === undefined) return hosts;
    const version = `${identitiesVersion()} ${this.#catalogueVersion}`;
    if (this.#all?.version !== version)
      this.#all = { version, hosts: [...hosts].sort(byInstance), parts: [] };
    return this.#all.hosts;
  }

  /** Those of one part, and those that do not say in which part they are. */
  #everyoneIn(part: HostPart): Iterable<NamedHost> {
    const hosts = this.#everyone();
    const all = this.#all;
    if (all === undefined || all.hosts !== hosts) return inPart(hosts, part);
    if (all.parts.length !== part.count) {
      const lists = Array.from({ length: part.count }, (): NamedHost[] => []);
      for (const named of all.hosts) {
        if (named.instance === '') for (const list of lists) list.push(named);
        else lists[partIndexOf(named.instance, part.count)]?.push(named);
      }
      all.parts = lists;
    }
    return all.parts[part.index] ?? [];
  }

  *#named(hosts: Iterable<CatalogueHost>): Generator<NamedHost> {
    for (const host of hosts) {
      const identity = host.agentId === COLLECTOR_AGENT_ID ? [] : this.#names.identityOf(host.agentId);
      if (identity !== undefined) yield { host, identity, instance: instanceOf(identity) };
    }
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

function foundBy(
  by: KnownMatch,
  { host, identity, instance }: NamedHost,
  wanted?: HostPart,
): FoundHost | undefined {
  const match = by.matching.host(identity);
  const part = instance === '' ? wanted : undefined;
  return match === undefined ? undefined : { by, host, identity, match, part, labels: undefined };
}

function* inPart(hosts: Iterable<NamedHost>, { index, count }: HostPart): Iterable<NamedHost> {
  for (const named of hosts)
    if (named.instance === '' || partIndexOf(named.instance, count) === index) yield named;
}

function instanceOf(identity: Identity): string {
  for (const [name, value] of identity) if (name === HOST_LABEL) return value;
  return '';
}

/** Only saves work of who sorts afterwards, so the order of the language does. */
function byInstance(left: NamedHost, right: NamedHost): number {
  if (left.instance === right.instance) return 0;
  return left.instance < right.instance ? -1 : 1;
}
