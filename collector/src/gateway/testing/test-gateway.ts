/** A gateway behind a real HTTP server on a free port, with a fake clock and a fake journal. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { silentLogger } from '@rollcall/shared/lib/log.ts';
import { generateIdentity, type Identity } from '@rollcall/shared/protocol/identity.ts';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { AgentConfigs } from '../../fleet/agent-configs.ts';
import { Hosts } from '../../fleet/hosts.ts';
import { Inventory } from '../../fleet/inventory.ts';
import { PresenceWatch } from '../../fleet/presence.ts';
import { PRESENCE_DEFAULTS } from '../../fleet/presence-settings.ts';
import { FleetVitals } from '../../fleet/vitals.ts';
import { openState } from '../../state/state.ts';
import { createGateway } from '../gateway.ts';
import { FakeJournal } from './fake-journal.ts';
import { TestAgent } from './test-agent.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './tls.ts';

/** An enrolled host with its key. */
export interface TestHost {
  readonly id: string;
  readonly agentId: Buffer;
  readonly identity: Identity;
}

export async function startTestGateway(options: { readonly isTls?: boolean } = {}) {
  const clock = new FakeClock();
  const database = openState(':memory:');
  const log = silentLogger;
  const identity = generateIdentity();
  const journal = new FakeJournal();
  const hosts = new Hosts({ database, clock, log });
  const presence = new PresenceWatch({ database, hosts, clock, log, settings: PRESENCE_DEFAULTS });
  const inventory = new Inventory({ database, clock });
  const vitals = new FleetVitals();
  const counts = new Map<string, number>();
  const configs = new AgentConfigs({
    database,
    clock,
    log,
    identity,
    hosts,
    counted: (outcome, reason) => {
      const key = `config ${outcome} ${reason}`.trim();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
  });
  const gateway = createGateway({
    clock,
    log,
    randomBytes,
    random: () => 0.5,
    identity,
    journal,
    hosts,
    presence,
    vitals,
    inventory,
    configs,
    counters: {
      count(name, reason, by = 1) {
        const key = `${name} ${reason}`.trim();
        counts.set(key, (counts.get(key) ?? 0) + by);
      },
    },
    addressOf: (request) => request.socket.remoteAddress ?? '',
  });
  const server =
    options.isTls === true ? createTlsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }) : createServer();
  server.on('upgrade', (request, socket, head) => {
    if (!gateway.handleUpgrade(request, socket, head)) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const agents: TestAgent[] = [];

  const addHost = (hostName = 'web'): TestHost => {
    const agentId = randomBytes(16);
    const hostIdentity = generateIdentity();
    const draft = {
      publicKey: hostIdentity.publicKey,
      tokenId: 't',
      machineId: '',
      agentVersion: '1',
      hostName,
    };
    hosts.admit(hosts.insert({ id: agentId.toString('hex'), ...draft }));
    return { id: agentId.toString('hex'), agentId, identity: hostIdentity };
  };
  const connect = (): TestAgent => {
    const agent = new TestAgent(port, options);
    agents.push(agent);
    return agent;
  };
  return {
    clock,
    database,
    journal,
    hosts,
    presence,
    inventory,
    vitals,
    configs,
    counts,
    gateway,
    port,
    identity,
    addHost,
    connect,
    /** A new connection that is logged in. */
    async login(host: TestHost, change: Parameters<TestAgent['login']>[0]['change'] = {}) {
      const agent = connect();
      const welcome = await agent.login({ ...host, collectorKey: identity.publicKey, change });
      return { agent, welcome };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(agents.map((agent) => agent.end()));
      const closed = gateway.close();
      await clock.advance(10_000);
      await closed;
      presence.close();
      hosts.close();
      server.close();
      server.closeAllConnections();
      database.close();
      if (clock.timerCount > 0) throw new Error(`${clock.timerCount} timers were left behind`);
    },
  };
}
