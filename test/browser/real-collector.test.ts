/** The page on a real collector with an agent of this machine: what is shown is what was measured. */
import { join } from 'node:path';
import { tempDir } from '@rollcall/shared/testing/temp-dir.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Browser } from 'playwright-core';
import { needs } from '../harness/needs.ts';
import {
  createToken,
  killAll,
  startAgent,
  startCollector,
  waitFor,
  type RunningCollector,
} from '../harness/processes.ts';
import { builtPage } from '../../deploy/page.ts';
import { eventually } from './eventually.ts';
import { launchBrowser, measure, openPage } from './harness.ts';

const chromium = needs('chromium');

describe.skipIf(chromium.path === null)(`the page on a real collector${chromium.note}`, () => {
  const dir = tempDir();
  let browser: Browser;
  let collector: RunningCollector;

  beforeAll(async () => {
    builtPage();
    browser = await launchBrowser(chromium.path ?? '');
    collector = await startCollector(join(dir.path, 'collector'));
    startAgent({
      url: collector.url,
      dataDir: join(dir.path, 'agent'),
      token: createToken(join(dir.path, 'collector')),
      flags: ['--interval', '1s'],
    });
    await waitFor('a few seconds of data, so that there is a line to draw', async () => {
      const query = encodeURIComponent('count_over_time(node_context_switches_total[1m]) > 9');
      const text = await (await fetch(`${collector.url}/api/v1/query?query=${query}`)).text();
      return text.includes('"node"') ? true : undefined;
    });
  });
  afterAll(async () => {
    await browser.close();
    killAll();
    dir[Symbol.dispose]();
  });

  test('lists this machine as up, draws its charts, shows its inventory, and nothing goes wrong', async () => {
    const { page, problems, foreignRequests, close } = await openPage(browser, { baseURL: collector.url });
    await page.goto('/');
    const row = page.getByRole('row').nth(1);
    await eventually(() => row.getByRole('cell').first().textContent()).toBe('Up');
    await row.getByRole('link').first().click();
    await page.getByRole('button', { name: '15 min' }).click();
    await page.locator('canvas').first().waitFor();
    // Lines on the canvas, not just an empty frame: some pixels have a colour.
    await eventually(() =>
      measure(
        page,
        `(() => {
          const drawn = document.querySelector('canvas');
          const canvas = document.createElement('canvas');
          canvas.width = drawn.width;
          canvas.height = drawn.height;
          const context = canvas.getContext('2d', { willReadFrequently: true });
          context.drawImage(drawn, 0, 0);
          const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
          let coloured = 0;
          for (let i = 0; i < pixels.length; i += 4) {
            const spread = Math.max(pixels[i], pixels[i + 1], pixels[i + 2]) - Math.min(pixels[i], pixels[i + 1], pixels[i + 2]);
            if (pixels[i + 3] > 0 && spread > 40) coloured++;
          }
          return coloured > 5 ? 1 : 0;
        })()`,
      ),
    ).toBe(1);
    await page
      .getByRole('heading', { name: /memory/i })
      .first()
      .waitFor();
    await page.goto('/availability');
    await page.getByRole('region', { name: 'Availability of hosts, worst first' }).waitFor();
    await page.goto('/incidents');
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(problems).toEqual([]);
    expect(foreignRequests).toEqual([]);
    await close();
  });
});
