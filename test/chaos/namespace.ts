/**
 * A network namespace: a network of its own with nothing but a loopback, on which the kernel itself loses packets. Agent and
 * collector meet there without a proxy, so that what they notice is what TCP tells them. Needs root.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

/** Which packets are lost: those to the collector, or those from it. */
export type Direction = 'up' | 'down';

const PREFIX = 'rollcall-chaos-';
/** Rules are looked at in this order; the one for local addresses stands before all others at first. */
const [DROP_RULE, LOCAL_RULE] = ['100', '200'];
const TABLE = ['inet', 'rollcall'];

export class Namespace {
  readonly name = `${PREFIX}${randomBytes(4).toString('hex')}`;
  /** Starts a command in it, in the process that was asked to. */
  readonly enter: readonly string[] = ['ip', 'netns', 'exec', this.name];
  readonly #port: string;

  private constructor(port: number) {
    this.#port = String(port);
  }

  /**
   * @param port of the collector
   * @throws Error with what the system says when it is not allowed
   */
  static create(port: number): Namespace {
    const namespace = new Namespace(port);
    run(['ip', 'netns', 'add', namespace.name]);
    try {
      namespace.join();
      namespace.#ip('rule', 'add', 'pref', LOCAL_RULE, 'lookup', 'local');
      namespace.#ip('rule', 'del', 'pref', '0');
    } catch (error) {
      namespace.remove();
      throw error;
    }
    return namespace;
  }

  /** The cable is out: nothing can be sent. */
  cut(): void {
    this.#ip('link', 'set', 'lo', 'down');
  }

  /** Whether the port of the collector can be reached; asked for two seconds. */
  get isOpen(): boolean {
    const dial = ['timeout', '2', 'bash', '-c', `</dev/tcp/127.0.0.1/${this.#port}`];
    const [program = '', ...parameters] = [...this.enter, ...dial];
    return spawnSync(program, parameters).status === 0;
  }

  /** The cable is in again. */
  join(): void {
    this.#ip('link', 'set', 'lo', 'up');
  }

  /** What goes in this direction is lost, and nobody is told. */
  drop(direction: Direction): void {
    this.#ip('rule', 'add', 'pref', DROP_RULE, ...this.#packets(direction), 'blackhole');
  }

  pass(direction: Direction): void {
    this.#ip('rule', 'del', 'pref', DROP_RULE, ...this.#packets(direction));
  }

  /** Loses so many of a hundred packets, in both directions, until `loseNone`. */
  lose(percent: number): void {
    this.#nft('add', 'table', ...TABLE);
    this.#nft('add', 'chain', ...TABLE, 'loss', '{ type filter hook output priority 0 ; }');
    const some = `meta l4proto tcp numgen random mod 100 < ${percent} counter drop`;
    this.#nft('add', 'rule', ...TABLE, 'loss', some);
  }

  /** Returns how many packets were lost. */
  loseNone(): number {
    const counter = /counter packets (\d+)/.exec(this.#nft('list', 'table', ...TABLE));
    this.#nft('delete', 'table', ...TABLE);
    return Number(counter?.[1] ?? 0);
  }

  /** Takes it away; its programs have ended. May be called twice. */
  remove(): void {
    spawnSync('ip', ['netns', 'del', this.name]);
  }

  #packets(direction: Direction): readonly string[] {
    return ['ipproto', 'tcp', direction === 'up' ? 'dport' : 'sport', this.#port];
  }

  #ip(...parameters: readonly string[]): void {
    run(['ip', '-n', this.name, ...parameters]);
  }

  #nft(...parameters: readonly string[]): string {
    return run([...this.enter, 'nft', ...parameters]);
  }
}

/** Names of namespaces of ours that are there. */
export function leftOverNamespaces(): readonly string[] {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').filter((line) => line.startsWith(PREFIX));
}

function run([program = '', ...parameters]: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, parameters, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${parameters.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
