/** All that a test of the page needs: the built page, a fake collector that serves it, and Chromium. */
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { builtPage } from '../../deploy/page.ts';
import { startFakeCollector } from './fake-collector.ts';
import type { FakeCollector } from './fake-collector.ts';
import { launchBrowser, openPage } from './harness.ts';
import type { WatchedPage } from './harness.ts';
import { sampleHosts, sampleIncidentDetail, sampleIncidents, sampleInventory } from './sample-fleet.ts';

export interface Stage {
  readonly collector: FakeCollector;
  readonly browser: Browser;
  /** Fills the collector with a plausible fleet of this size, and undoes what a test before has changed. */
  reset(hostCount: number): void;
  /** Opens an address of the page, such as `/incidents`, and hands back the page before it has loaded its data. */
  open(path: string, options?: BrowserContextOptions): Promise<WatchedPage>;
  /** Closes everything. */
  stop(): Promise<void>;
}

/** Sets the stage once per test file; `chromiumPath` comes from `needs('chromium')`. */
export async function setStage(chromiumPath: string): Promise<Stage> {
  const collector = await startFakeCollector(builtPage());
  const browser = await launchBrowser(chromiumPath);
  const reset = (hostCount: number): void => {
    const nowMs = Date.now();
    const hosts = sampleHosts(hostCount, nowMs);
    Object.assign(collector.fleet, {
      hosts,
      incidents: sampleIncidents(hosts, 30, nowMs),
      incidentDetail: sampleIncidentDetail,
      inventory: sampleInventory(nowMs),
      isAway: false,
      brokenAnswer: null,
      mountpoints: ['/', '/boot', '/var', '/srv/data'],
      hasNoSeries: false,
    });
  };
  return {
    collector,
    browser,
    reset,
    async open(path, options = {}) {
      const watched = await openPage(browser, { baseURL: collector.url, ...options });
      // The clock of the page, so that tests can pass the seconds between two refreshes.
      await watched.page.clock.install();
      await watched.page.goto(path);
      return watched;
    },
    async stop() {
      await browser.close();
      await collector.stop();
    },
  };
}

/** A little more than the page waits between two refreshes of its lists. */
export const ONE_REFRESH_MS = 5_500;

/** The id of the host with this number in the sample fleet. */
export function hostId(index: number): string {
  return (index + 1).toString(16).padStart(32, '0');
}

/** The id of the open incident with this number in the sample fleet. */
export function incidentId(index: number): string {
  return `i-01JDEXAMPLE${String(index).padStart(12, '0')}`;
}
