/**
 * One simulated agent: invented readings, and the real spool, session and socket of the agent. Only the machine is made
 * up; everything that travels is what a real one sends.
 */
import { randomBytes } from 'node:crypto';
import { canonicalSection, type CanonicalSection } from '@rollcall/shared/inventory/canonical.ts';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { ByteWriter } from '@rollcall/shared/lib/varint.ts';
import { RECORD_KIND } from '@rollcall/shared/protocol/record.ts';
import { encodeSamples } from '@rollcall/shared/protocol/samples.ts';
import { memoryIdentityStore, type NewIdentity, type IdentityStore } from '../../agent/src/link/identity.ts';
import { parseEndpoint } from '../../agent/src/link/endpoint.ts';
import { webSocketDial } from '../../agent/src/link/socket.ts';
import { Uplink, type UplinkStats } from '../../agent/src/link/uplink.ts';
import { MemorySpool } from '../../agent/src/spool/memory.ts';
import { Cable } from './cable.ts';
import { bootMsAt, machineClock } from './clock.ts';
import { seriesCountOf, type Fault, type HostShape, type SimulatedSampler } from './host.ts';

export interface SimulatedAgentOptions {
  readonly url: string;
  readonly identity: NewIdentity;
  readonly shape: HostShape;
  readonly samplers: readonly SimulatedSampler[];
  readonly hostName: string;
  /** Spread of the first connection; 0 connects at once, as after a long backlog. */
  readonly random: () => number;
}

const writer = new ByteWriter(16 * 1024);

export class SimulatedAgent {
  readonly #options: SimulatedAgentOptions;
  readonly #clock = machineClock;
  readonly #bootId: string;
  readonly #spool: MemorySpool;
  readonly #identityStore: IdentityStore;
  readonly #seriesCount: number;
  readonly #cable: Cable;
  #uplink: Uplink | undefined;
  #isGone = false;

  constructor(options: SimulatedAgentOptions) {
    this.#options = options;
    this.#bootId = randomBytes(16).toString('hex');
    this.#spool = new MemorySpool({ clock: this.#clock, bootId: this.#bootId, randomBytes });
    this.#identityStore = memoryIdentityStore(options.identity);
    this.#seriesCount = seriesCountOf(options.samplers);
    const endpoint = parseEndpoint(options.url, { isInsecureAllowed: false });
    this.#cable = new Cable(webSocketDial({ clock: machineClock, randomBytes, endpoint, ca: undefined }));
  }

  /**
   * Takes one tick.
   * @param wallMs time of the tick; the values follow from it, so equal times give equal values
   */
  tick(wallMs: number): void {
    if (this.#isGone) return;
    const { shape, samplers } = this.#options;
    const seconds = (wallMs / 1000) % 10_000_000;
    const blocks = samplers.map((sampler) =>
      sampler.block(this.#spool.declareSchema(sampler.schema), seconds, shape),
    );
    writer.reset();
    encodeSamples(writer, blocks);
    this.#spool.append(
      { kind: RECORD_KIND.SAMPLES, flags: 0, wallMs, bootMs: bootMsAt(wallMs), body: writer.view() },
      { ticks: 1, samples: this.#seriesCount },
    );
  }

  connect(): void {
    this.#uplink ??= new Uplink({
      clock: this.#clock,
      log: silentLogger,
      random: this.#options.random,
      randomBytes,
      spool: this.#spool,
      identity: this.#identityStore,
      dial: this.#cable.dial,
      facts: {
        hostName: this.#options.hostName,
        bootId: this.#bootId,
        agentVersion: '0.1.0',
        os: { platform: 'linux', name: 'Simulated Linux', kernel: '6.12.0', arch: 'x64' },
      },
      inventory: { sections: () => this.#inventory(), onChange: () => {} },
    });
    this.#uplink.start();
  }

  /** Ends the session with a farewell, as a clean stop does. */
  async disconnect(): Promise<void> {
    const uplink = this.#uplink;
    this.#uplink = undefined;
    await uplink?.stop();
  }

  /** Gone without a word, for good: the machine lost power. */
  vanish(): void {
    this.#isGone = true;
    this.#cable.pull();
  }

  /** Gone without a word, and back after `awayMs`: its switch lost power. It goes on measuring. */
  blink(awayMs: number): void {
    this.#cable.pull();
    this.#clock.setTimer(awayMs, () => this.#cable.putBack());
  }

  /** Says farewell and is back after `awayMs`. */
  async restart(awayMs: number): Promise<void> {
    await this.disconnect();
    this.#clock.setTimer(awayMs, () => this.connect());
  }

  get fault(): Fault {
    return this.#options.shape.fault;
  }

  get seriesCount(): number {
    return this.#seriesCount;
  }

  stats(): UplinkStats | undefined {
    return this.#uplink?.stats();
  }

  /** Records that the collector has not acknowledged. */
  get unackedRecords(): number {
    return this.#spool.epochs().reduce((sum, { next, acked }) => sum + next - 1 - acked, 0);
  }

  #inventory(): readonly CanonicalSection[] {
    const { shape } = this.#options;
    const serial = `SIM${String(shape.index).padStart(6, '0')}`;
    const sections = {
      system: { manufacturer: 'Simulated', model: `Server ${1 + (shape.index % 3)}`, serial },
      cpu: { brand: 'Invented CPU', cores: shape.cpuCount, physicalCores: shape.cpuCount / 2 },
      memory: { modules: [{ sizeBytes: 17_179_869_184, type: 'DDR5', serial: `${serial}-M0` }] },
      disks: {
        disks: [
          { name: 'sda', sizeBytes: 42_949_672_960, serial: `${serial}-D0` },
          { name: 'sdb', sizeBytes: 536_870_912_000, serial: `${serial}-D1` },
        ],
      },
      os: { distro: 'Simulated Linux', release: '1', kernel: '6.12.0', arch: 'x64' },
    };
    return Object.entries(sections).map(([name, content]) => canonicalSection({ name, content }));
  }
}
