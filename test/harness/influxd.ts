/** InfluxDB 1.x as a child process that can be killed and started again on its data. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { waitFor } from './processes.ts';

export interface Influxd {
  readonly url: string;
  readonly pid: number;
  /** Ends it as the signal does, and waits until it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it on the same folder and address. */
  start(): Promise<void>;
  /** Rows of the first series of an InfluxQL query. */
  query(text: string): Promise<readonly InfluxSeries[]>;
}

export interface InfluxSeries {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

/** Defaults, but for folders, addresses, the reports it would send home, and a log of every request. */
export async function startInfluxd(path: string, dataDir: string): Promise<Influxd> {
  const address = `127.0.0.1:${await freePort()}`;
  const config = join(dataDir, 'influxdb.conf');
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(
    config,
    `reporting-disabled = true
bind-address = "127.0.0.1:${await freePort()}"
[meta]
  dir = "${dataDir}/meta"
[data]
  dir = "${dataDir}/data"
  wal-dir = "${dataDir}/wal"
[http]
  bind-address = "${address}"
  log-enabled = false
[monitor]
  store-enabled = false
[logging]
  level = "error"
`,
  );
  const url = `http://${address}`;
  let child: ChildProcess | undefined;
  const influxd = {
    url,
    get pid(): number {
      return child?.pid ?? 0;
    },
    async kill(signal: NodeJS.Signals = 'SIGKILL') {
      const running = child;
      child = undefined;
      if (running === undefined || running.exitCode !== null) return;
      running.kill(signal);
      await once(running, 'exit');
    },
    async start() {
      child = spawn(path, ['-config', config], { stdio: 'ignore' });
      await waitFor('influxd to answer', async () => {
        const response = await fetch(`${url}/ping`).catch(() => undefined);
        return response?.status === 204 ? true : undefined;
      });
    },
    async query(text: string): Promise<readonly InfluxSeries[]> {
      const response = await fetch(`${url}/query?epoch=ms&db=rollcall`, {
        method: 'POST',
        body: new URLSearchParams({ q: text }),
      });
      const answer: { results: { error?: string; series?: InfluxSeries[] }[] } = JSON.parse(
        await response.text(),
      );
      const [result] = answer.results;
      if (result?.error !== undefined) throw new Error(`${text}: ${result.error}`);
      return result?.series ?? [];
    },
  };
  await influxd.start();
  return influxd;
}
