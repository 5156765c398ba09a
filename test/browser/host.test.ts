import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../harness/needs.ts';
import { eventually } from './eventually.ts';
import { measure } from './harness.ts';
import { hostId, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const chromium = needs('chromium');
const PANEL_COUNT = 8;

describe.skipIf(chromium.path === null)(`the page of a host${chromium.note}`, () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage(chromium.path ?? '');
  });
  afterAll(() => stage.stop());
  beforeEach(() => stage.reset(30));

  test('draws every chart from data of this host, without breaking the policy', async () => {
    const { page, problems, foreignRequests, close } = await stage.open(`/hosts/${hostId(0)}`);
    await chartsDrawn(page);
    expect(await page.title()).toBe('web-1 · Rollcall');
    for (let panel = 0; panel < PANEL_COUNT; panel++) {
      expect(await colouredPixels(page, panel, 0.2)).toBeGreaterThan(0);
    }
    expect(stage.collector.queries.length).toBeGreaterThan(PANEL_COUNT);
    expect(stage.collector.queries.every((query) => query.includes('instance="web-1"'))).toBe(true);
    expect(problems).toEqual([]);
    expect(foreignRequests).toEqual([]);
    await close();
  });

  test('draws a gap as a gap', async () => {
    const { page, close } = await stage.open(`/hosts/${hostId(0)}`);
    await chartsDrawn(page);
    for (let panel = 0; panel < PANEL_COUNT; panel++) {
      // The fake has no samples from 42 % to 50 % of any range.
      expect(await colouredPixels(page, panel, 0.46)).toBe(0);
    }
    await close();
  });

  test('moves one crosshair through all charts and shows the values under it', async () => {
    const { page, close } = await stage.open(`/hosts/${hostId(0)}`);
    await chartsDrawn(page);
    const legend = page.getByRole('region', { name: 'Network' }).locator('.legend');
    const latest = await legend.textContent();
    const box = await page.locator('.u-over').first().boundingBox();
    if (box === null) throw new Error('find the plot of the first chart: it has no box');
    await page.mouse.move(box.x + box.width * 0.25, box.y + box.height / 2);
    await eventually(() => legend.textContent()).not.toBe(latest);
    const times = await page.locator('.chart-time').allTextContents();
    expect(times).toHaveLength(PANEL_COUNT);
    expect(new Set(times).size).toBe(1);
    const places = await page.evaluate(
      `new Set([...document.querySelectorAll('.u-cursor-x')].map((line) => line.style.transform)).size`,
    );
    expect(places).toBe(1);
    await page.mouse.move(5, 5);
    await eventually(() => legend.textContent()).toBe(latest);
    await close();
  });

  test('has each chart as a table too', async () => {
    const { page, close } = await stage.open(`/hosts/${hostId(0)}`);
    const table = page.getByRole('table', { name: 'Network, last 1 h' });
    await eventually(() => table.getByRole('row').allTextContents()).toEqual([
      'LineLatestLowestHighest',
      expect.stringMatching(/^received[\d.]+ MB\/s/),
      expect.stringMatching(/^sent[\d.]+ MB\/s/),
    ]);
    await close();
  });

  test('keeps the range in the address and asks for a few hundred points at most', async () => {
    const { page, close } = await stage.open(`/hosts/${hostId(0)}`);
    await chartsDrawn(page);
    const asked = page.waitForRequest('**/api/v1/query_range');
    const choice = page.getByRole('group', { name: 'Time range' });
    await choice.getByRole('button', { name: '7 d' }).click();
    const form = new URLSearchParams((await asked).postData() ?? '');
    const points = (Number(form.get('end')) - Number(form.get('start'))) / Number(form.get('step'));
    expect(points).toBeGreaterThan(200);
    expect(points).toBeLessThanOrEqual(400);
    expect(new URL(page.url()).search).toBe('?range=7d');
    await page.reload();
    await choice.getByRole('button', { name: '7 d', pressed: true }).waitFor();
    await close();
  });

  test('says so where there is no data', async () => {
    stage.collector.fleet.hasNoSeries = true;
    const { page, problems, close } = await stage.open(`/hosts/${hostId(0)}?range=15m`);
    await eventually(() => page.getByText('No data in the last 15 min').count()).toBe(PANEL_COUNT);
    expect(await page.locator('canvas').count()).toBe(0);
    expect(problems).toEqual([]);
    await close();
  });

  test('keeps the other charts when one query fails', async () => {
    const { page, close } = await stage.open('/');
    await page.route('**/api/v1/query_range', async (route) => {
      const isLoad = (route.request().postData() ?? '').includes('node_load5');
      if (!isLoad) return route.continue();
      const error = { status: 'error', errorType: 'execution', error: 'query timed out' };
      return route.fulfill({ status: 503, json: error });
    });
    await page.goto(`/hosts/${hostId(0)}`);
    await page.getByRole('region', { name: 'Load' }).getByText('execution: query timed out').waitFor();
    await eventually(() => page.locator('canvas').count()).toBe(PANEL_COUNT - 1);
    expect(await page.getByText('query timed out').count()).toBe(1);
    await close();
  });

  test('shows the host, its open incidents and its whole inventory, unknown sections too', async () => {
    const { page, problems, close } = await stage.open(`/hosts/${hostId(5)}`);
    await page.getByRole('heading', { level: 1, name: 'edge-1' }).waitFor();
    await page.getByText('These are the last readings').waitFor();
    await page
      .getByText('Samples lost since enrolment, and drawn as gaps: spool_full 1,204, clock_jump 3.')
      .waitFor();
    await page.getByRole('heading', { name: 'edge-1 does not report' }).waitFor();
    const modules = page.getByRole('region', { name: 'Memory modules' }).getByRole('row');
    await eventually(() => modules.count()).toBe(5);
    expect(await modules.nth(1).textContent()).toBe(
      'DIMM_A116.0 GiBDDR54,800 MHzMicron TechnologyMTC10C1084S1EC48BA13E1F107A',
    );
    await page.getByRole('heading', { name: 'Rack location' }).waitFor();
    await page.getByText('+49 69 0000000').waitFor();
    await page.getByRole('button', { name: 'Show all 45' }).click();
    await page.getByText('lib-example-44').waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test('says so when there is no such host', async () => {
    const { page, close } = await stage.open('/hosts/0000');
    await page.getByRole('heading', { level: 1, name: 'No such host' }).waitFor();
    expect(await page.title()).toBe('No such host · Rollcall');
    await close();
  });

  test('survives an address that cannot be decoded', async () => {
    const { page, close } = await stage.open('/hosts/%E0%A4%A');
    await eventually(() => page.getByRole('main').getByRole('heading', { level: 1 }).count()).toBe(1);
    await page.getByRole('link', { name: 'Hosts', exact: true }).click();
    await page.getByRole('row').nth(1).waitFor();
    expect(await page.title()).toBe('(1 down) Hosts · Rollcall');
    await close();
  });
});

describe.skipIf(chromium.path === null)(`the page of incidents${chromium.note}`, () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage(chromium.path ?? '');
  });
  afterAll(() => stage.stop());

  test('lists what is open, most urgent first, with how its notifications fare', async () => {
    stage.reset(60);
    const { page, problems, close } = await stage.open('/incidents');
    const open = page.getByRole('region', { name: /^Open/ }).getByRole('article');
    await open.first().waitFor();
    expect(await page.title()).toMatch(/^\(\d+ open\) Incidents · Rollcall$/);
    expect(await open.first().textContent()).toMatch(
      /^Page.*does not report.*held: no data.*since .* ago\).*HostDown/,
    );
    await page.getByText('503 Service Unavailable').first().waitFor();
    await page.getByText('alert waiting to try again').first().waitFor();
    await page.getByText('Nobody was notified.').first().waitFor();
    const resolved = page.getByRole('region', { name: 'Resolved incidents' }).getByRole('row');
    await eventually(() => resolved.count()).toBe(31);
    await open.first().getByRole('link', { name: 'edge-1', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'edge-1' }).waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test('says so when nothing is open', async () => {
    stage.reset(0);
    const { page, close } = await stage.open('/incidents');
    await page.getByText('Nothing is open.').waitFor();
    await page.getByText('No incident has been resolved yet.').waitFor();
    expect(await page.title()).toBe('Incidents · Rollcall');
    await close();
  });
});

async function chartsDrawn(page: Page): Promise<void> {
  await eventually(() => page.locator('canvas').count()).toBe(PANEL_COUNT);
}

/** Pixels of a line or area, not of the grey grid, in the column at this share of a plot's width. */
async function colouredPixels(page: Page, panel: number, share: number): Promise<number> {
  return measure(
    page,
    `(() => {
      const canvas = document.querySelectorAll('canvas')[${panel}];
      const frame = canvas.getBoundingClientRect();
      const plot = canvas.parentElement.querySelector('.u-over').getBoundingClientRect();
      const scale = canvas.width / frame.width;
      const x = Math.round((plot.left - frame.left + plot.width * ${share}) * scale);
      const column = canvas.getContext('2d').getImageData(x, 0, 1, canvas.height).data;
      let count = 0;
      for (let i = 0; i < column.length; i += 4) {
        const [r, g, b, a] = column.slice(i, i + 4);
        if (a > 20 && Math.max(r, g, b) - Math.min(r, g, b) > 40) count += 1;
      }
      return count;
    })()`,
  );
}
