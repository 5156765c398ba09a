/** Looks at every message and now and then at the world, for what must hold at any time. */
import { decodeConfigAck, type AgentSettings } from '@rollcall/shared/protocol/agent-config.ts';
import { decodeFrame, MESSAGE } from '@rollcall/shared/protocol/frame.ts';
import { decodeHello, decodeWelcome } from '@rollcall/shared/protocol/handshake.ts';
import { SIGNATURE_BYTES } from '@rollcall/shared/protocol/identity.ts';
import { JsonReader, parseJsonObject } from '@rollcall/shared/protocol/json.ts';
import { LIMITS } from '@rollcall/shared/protocol/limits.ts';
import { decodeAck, decodeBatch, decodeError } from '@rollcall/shared/protocol/messages.ts';
import { RECORD_KIND, type WireRecord } from '@rollcall/shared/protocol/record.ts';
import type { Hosts } from '../../collector/src/fleet/hosts.ts';
import type { Line, Tap } from './network.ts';
import type { SimAgent } from './sim-agent.ts';
import type { WatermarkProbe } from './stored.ts';

/** What is known of a connection. */
interface LineFacts {
  agent: SimAgent;
  /** Newest credit limit that reached the agent, and that the collector sent. */
  creditReached: number;
  creditSent: number;
  /** Bytes of batches that left the agent, and that reached the collector. */
  bytesSent: number;
  bytesReached: number;
  isWelcomed: boolean;
  isFenced: boolean;
  /** Its HELLO named a generation before the one that the collector had confirmed. */
  isOfThePast: boolean;
  /** How often the collector had been set back when it began. */
  readonly setBacks: number;
}

export interface WatchOptions {
  readonly nowMs: () => number;
  readonly agentOf: (line: Line) => SimAgent;
  readonly probe: () => WatermarkProbe | undefined;
  /** Of the collector that runs. */
  readonly hosts: () => Pick<Hosts, 'get'> | undefined;
  readonly failed: (check: string, detail: string) => void;
  readonly mark: (name: string) => void;
  readonly log: (line: string) => void;
}

export class Watch implements Tap {
  readonly #options: WatchOptions;
  readonly #facts = new WeakMap<Line, LineFacts>();
  /** The connection of each host that got its WELCOME last. */
  readonly #newest = new Map<string, LineFacts>();
  readonly #heardAtMs = new Map<string, number>();
  /** Checksums of the records that were sent, by machine, epoch and number. */
  readonly #sent = new Map<string, number>();
  /** Settings that the collector has sent, by host and version, as JSON. */
  readonly #settings = new Map<string, string>();
  /** The version of settings that an agent named last, in a HELLO or as applied. */
  readonly #configVersions = new Map<SimAgent, number>();

  #setBacks = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** What the collector has said before and is still on its way is not true any more, and nobody can know. */
  collectorSetBack(): void {
    this.#setBacks++;
  }

  /** When anything of the host reached its newest session last, or this began; the beginning of time when none did. */
  heardAtMs(hostId: string): number {
    return this.#heardAtMs.get(hostId) ?? Number.NEGATIVE_INFINITY;
  }

  /** An agent goes by these settings now: they must be what the collector has sent it under this version. */
  settingsUsed(
    { hostId, name }: SimAgent,
    used: { readonly version: number; readonly settings: AgentSettings },
  ): void {
    const { version } = used;
    const settings = JSON.stringify(used.settings);
    const sent = version === 0 ? '{}' : this.#settings.get(`${hostId}/${version}`);
    if (settings !== sent)
      this.#options.failed(
        'only settings that were sent are used',
        `${name}: ${settings} as ${version}, ${sent} was sent`,
      );
  }

  #configSent({ agent }: LineFacts, body: Buffer): void {
    const reader = new JsonReader(parseJsonObject(body.subarray(SIGNATURE_BYTES)), 'CONFIG');
    const version = reader.integer('version', 1);
    const key = `${agent.hostId}/${version}`;
    const text = JSON.stringify(reader.rawObject('settings'));
    this.#options.mark('settings offered');
    if ((this.#settings.get(key) ?? text) !== text)
      this.#options.failed('one version is one document', `${agent.name}: version ${version}`);
    this.#settings.set(key, text);
  }

  #checkConfigVersion(agent: SimAgent, version: number): void {
    const before = this.#configVersions.get(agent) ?? 0;
    if (version < before && !agent.hasForked)
      this.#options.failed('settings only go forward', `${agent.name}: from ${before} to ${version}`);
    this.#configVersions.set(agent, version);
  }

  sentByAgent(line: Line, bytes: Buffer): void {
    const frame = decodeFrame(Buffer.from(bytes));
    if (frame.type === MESSAGE.HELLO)
      this.#checkConfigVersion(this.#of(line).agent, decodeHello(frame.body).content.configVersion ?? 0);
    if (frame.type === MESSAGE.CONFIG_ACK) {
      const { outcome, version } = decodeConfigAck(frame.body);
      this.#options.mark(`settings ${outcome}`);
      if (outcome === 'applied') this.#checkConfigVersion(this.#of(line).agent, version);
    }
    if (frame.type !== MESSAGE.BATCH) return;
    const facts = this.#of(line);
    const { epochId, records } = decodeBatch(frame);
    for (const record of records) this.#checkNumber(facts.agent, epochId, record);
    const start = facts.bytesSent + frame.body.length - (records.at(-1)?.bytes.length ?? 0);
    facts.bytesSent += frame.body.length;
    if (!facts.isWelcomed) this.#options.failed('batch before welcome', line.name);
    // The agent counts before it builds the batch, hence without the batch's own header.
    if (start - EPOCH_BYTES >= facts.creditReached) {
      this.#options.failed(
        'agent keeps to its credit',
        `${line.name}: ${start} of ${facts.creditReached} bytes`,
      );
    }
    if (records.length > LIMITS.recordsPerBatch)
      this.#options.failed('size of a batch', `${records.length} records`);
    if (facts.bytesSent >= facts.creditReached) this.#options.mark('credit exhausted');
  }

  reachedCollector(line: Line, bytes: Buffer): void {
    const frame = decodeFrame(Buffer.from(bytes));
    const facts = this.#of(line);
    this.#heard(facts);
    if (frame.type === MESSAGE.HELLO) this.#helloReached(facts, frame.body);
    if (frame.type !== MESSAGE.BATCH) return;
    facts.bytesReached += frame.body.length;
    const { epochId, records } = decodeBatch(frame);
    for (const { seq, kind } of records)
      if (kind !== RECORD_KIND.GAP) facts.agent.ledger.arrived(epochId, seq);
  }

  controlReachedCollector(line: Line): void {
    this.#heard(this.#of(line));
  }

  sentByCollector(line: Line, bytes: Buffer): void {
    const frame = decodeFrame(Buffer.from(bytes));
    const facts = this.#of(line);
    if (frame.type === MESSAGE.WELCOME) this.#welcomeSent(facts, frame.body);
    if (frame.type === MESSAGE.ACK) this.#ackSent(line, facts, frame.body);
    if (frame.type === MESSAGE.CONFIG) this.#configSent(facts, frame.body);
    if (frame.type === MESSAGE.REJECT) this.#options.mark('record rejected');
    if (frame.type === MESSAGE.ERROR) {
      const { code, text } = decodeError(frame.body);
      this.#options.mark(`error ${code}`);
      this.#options.log(`collector tells ${line.name}: ${code} ${text}`);
      // Who must wait because of its epochs has proved who it is: presence counts that.
      if (code === 'SLOW_DOWN' && text.includes('epochs'))
        this.#heardAtMs.set(facts.agent.hostId, this.#options.nowMs());
    }
  }

  reachedAgent(line: Line, bytes: Buffer): void {
    const frame = decodeFrame(Buffer.from(bytes));
    const facts = this.#of(line);
    if (frame.type === MESSAGE.WELCOME) {
      const { marks, creditLimit } = decodeWelcome(frame.body).content;
      facts.isWelcomed = true;
      facts.creditReached = creditLimit;
      facts.agent.beforeComparison();
      for (const { id, watermark } of marks) this.#acknowledged(facts, id, watermark);
      this.#options.log(
        `${line.name} is told the marks ${marks.map(({ id, watermark }) => `${id}#${watermark}`).join(' ')}`,
      );
    }
    if (frame.type === MESSAGE.ACK) {
      const { epochId, watermark, creditLimit } = decodeAck(frame.body);
      facts.creditReached = Math.max(facts.creditReached, creditLimit);
      this.#acknowledged(facts, epochId, watermark);
    }
  }

  #acknowledged({ agent, setBacks }: LineFacts, epochId: string, watermark: number): void {
    if (setBacks === this.#setBacks) agent.acknowledged(epochId, watermark);
    else agent.acknowledgedTooLate(epochId, watermark);
  }

  /** The most dangerous bug there is: a number that the collector has seen is given to another record. */
  #checkNumber(agent: SimAgent, epochId: string, { seq, crc, kind }: WireRecord): void {
    // A gap takes the place of a record that had to go.
    if (agent.hasForked || kind === RECORD_KIND.GAP) return;
    const key = `${agent.name} ${epochId}#${seq}`;
    const before = this.#sent.get(key) ?? crc;
    this.#sent.set(key, crc);
    if (before !== crc) this.#options.failed('no number is used twice', key);
  }

  #helloReached(facts: LineFacts, body: Buffer): void {
    const host = this.#options.hosts()?.get(facts.agent.hostId);
    if (host === undefined || host.mustRotateEpoch) return;
    facts.isOfThePast = decodeHello(body).content.generation < host.generation;
  }

  #welcomeSent(facts: LineFacts, body: Buffer): void {
    const { marks, creditLimit } = decodeWelcome(body).content;
    if (facts.isOfThePast) this.#options.failed('a copy is not welcome', facts.agent.name);
    if (facts.agent.isImpostor) this.#options.failed('only its key speaks for a host', facts.agent.name);
    facts.creditSent = creditLimit;
    for (const { id, watermark } of marks) this.#isDurable(facts, id, watermark);
    const before = this.#newest.get(facts.agent.hostId);
    if (before !== undefined && before !== facts) before.isFenced = true;
    this.#newest.set(facts.agent.hostId, facts);
    this.#heard(facts);
  }

  #heard(facts: LineFacts): void {
    const { hostId } = facts.agent;
    if (this.#newest.get(hostId) === facts) this.#heardAtMs.set(hostId, this.#options.nowMs());
  }

  #ackSent({ name }: Line, facts: LineFacts, body: Buffer): void {
    const { epochId, watermark, creditLimit } = decodeAck(body);
    const { failed } = this.#options;
    this.#isDurable(facts, epochId, watermark);
    if (facts.isFenced) failed('one session per agent', `${name}: an ACK on the older one`);
    if (creditLimit < facts.creditSent)
      failed('credit never falls', `${name}: ${facts.creditSent} to ${creditLimit}`);
    if (creditLimit > facts.bytesReached + LIMITS.creditWindowBytes) {
      failed('credit within the window', `${name}: ${creditLimit} after ${facts.bytesReached} bytes`);
    }
    facts.creditSent = creditLimit;
  }

  #isDurable({ agent }: LineFacts, epochId: string, watermark: number): void {
    const durable = this.#options.probe()?.watermark(agent.hostId, epochId);
    if (durable === undefined || durable >= watermark) return;
    const detail = `${agent.name}: ${watermark} was acknowledged in epoch ${epochId}, ${durable} is on the disk`;
    this.#options.failed('durable before ack', detail);
  }

  #of(line: Line): LineFacts {
    const known = this.#facts.get(line);
    if (known !== undefined) return known;
    const facts: LineFacts = {
      agent: this.#options.agentOf(line),
      creditReached: 0,
      creditSent: 0,
      bytesSent: 0,
      bytesReached: 0,
      isWelcomed: false,
      isFenced: false,
      isOfThePast: false,
      setBacks: this.#setBacks,
    };
    this.#facts.set(line, facts);
    return facts;
  }
}

const EPOCH_BYTES = 8;
