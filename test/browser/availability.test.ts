import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../harness/needs.ts';
import { eventually } from './eventually.ts';
import { measure } from './harness.ts';
import { sampleHosts } from './sample-fleet.ts';
import { hostId, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const chromium = needs('chromium');
/** Ample for a shared machine. */
const SHOWN_MS_MAX = 8_000;

describe.skipIf(chromium.path === null)(`how available hosts were${chromium.note}`, () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage(chromium.path ?? '');
  });
  afterAll(() => stage.stop());
  beforeEach(() => stage.reset(14));

  test('is told on the page of a host, as known by now and as seen then, drawn and in words', async () => {
    const { page, problems, close } = await stage.open(`/hosts/${hostId(1)}`);
    const section = page.getByRole('region', { name: 'Availability', exact: true });
    await eventually(() => section.locator('.fact').allTextContents()).toEqual([
      'Available98.717%',
      'As seen then96.153%',
      'Down7 h 12 min',
      'Planned14 h 24 min',
      'Unknown6 d',
    ]);
    await section
      .getByRole('img', {
        name: 'Down once for 7 h 12 min; cut off, but ran once for 14 h 24 min; planned once for 14 h 24 min; unknown once for 6 d.',
      })
      .waitFor();
    const rows = section.getByRole('region', { name: 'When it was not up' }).getByRole('row');
    expect((await rows.allTextContents()).map((text) => text.replace(/\d{4}-.{14}/, ' '))).toEqual([
      'FromLastedStateWhy',
      ' 14 h 24 minPlanneddb-1',
      ' 14 h 24 minCut off, but ranits readings of that time came later',
      ' 7 h 12 minDownlost the connection, stayed away',
      ' 6 dUnknownnot on record',
    ]);
    expect(problems).toEqual([]);
    await close();
  });

  test('says so of a host that was up all the time', async () => {
    const { page, close } = await stage.open(`/hosts/${hostId(0)}`);
    const section = page.getByRole('region', { name: 'Availability', exact: true });
    await section.getByText('Up all the time.').waitFor();
    expect(await section.locator('.fact').first().textContent()).toBe('Available100%');
    await close();
  });

  test('is asked for another span with the keyboard, which stays in the address beside the range of charts', async () => {
    const { page, close } = await stage.open(`/hosts/${hostId(1)}?range=6h`);
    const asked = page.waitForRequest(/availability.*/);
    const choice = page.getByRole('group', { name: 'Span of availability' });
    await choice.getByRole('button', { name: '30 d', pressed: true }).waitFor();
    await asked;
    const again = page.waitForRequest(/availability.*/);
    await choice.getByRole('button', { name: '24 h' }).focus();
    await page.keyboard.press('Enter');
    const past = new URL((await again).url()).searchParams;
    // Nothing of the browser's clock, which may be wrong.
    expect(past.toString()).toBe('last=86400000');
    expect(new URL(page.url()).search).toBe('?range=6h&span=24h');
    await page.getByRole('button', { name: '1 h', exact: true }).click();
    await eventually(() => Promise.resolve(new URL(page.url()).search)).toBe('?range=1h&span=24h');
    await close();
  });

  test('is told of all hosts in one request, and why one has no figures', async () => {
    const { page, problems, close } = await stage.open('/');
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('availability')) asked.push(new URL(request.url()).pathname);
    });
    await page.getByRole('link', { name: 'Availability' }).click();
    const rows = page.getByRole('region', { name: 'Availability of hosts, worst first' }).getByRole('row');
    await eventually(() => rows.count()).toBe(15);
    expect(await rows.nth(2).textContent()).toBe('db-198.717%96.153%7 h 12 min14 h 24 min6 d');
    expect(await rows.nth(3).textContent()).toBe('cache-1came and went');
    await page
      .getByText('of the time of all 14 hosts without 1 whose figures cannot be made, 100% as seen then')
      .waitFor();
    expect(asked).toEqual(['/v1/availability']);
    expect(await page.title()).toBe('Availability · Rollcall');
    await page.getByRole('button', { name: '7 d' }).click();
    await page.getByRole('link', { name: 'db-1' }).click();
    await page.getByRole('button', { name: '7 d', pressed: true }).first().waitFor();
    expect(new URL(page.url()).search).toBe('?span=7d');
    expect(problems).toEqual([]);
    await close();
  });

  test('is searched by name with the keyboard, in all hosts and with one request, and the search stays in the address', async () => {
    stage.reset(300);
    const { page, problems, close } = await stage.open('/availability?span=7d', {
      viewport: { width: 360, height: 740 },
    });
    const rows = page.getByRole('region', { name: 'Availability of hosts, worst first' }).getByRole('row');
    await eventually(() => rows.count()).toBe(101);
    let asked = 0;
    page.on('request', (request) => void (asked += Number(request.url().includes('/v1/availability'))));
    await page.keyboard.press('/');
    await page.keyboard.type('DB-1');
    const wanted = sampleHosts(300, 0).filter(({ name }) => name.includes('db-1'));
    await eventually(() => page.getByRole('status').allTextContents()).toContain(
      `${wanted.length} of 300 hosts`,
    );
    expect(await rows.count()).toBe(wanted.length + 1);
    expect(new URL(page.url()).search).toBe('?span=7d&q=DB-1');
    expect(asked).toBe(1);
    expect(await measure(page, 'document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await page.getByRole('button', { name: '24 h' }).click();
    await eventually(() => rows.count()).toBe(wanted.length + 1);
    expect(new URL(page.url()).search).toBe('?span=24h&q=DB-1');
    await page.getByRole('searchbox', { name: 'Search hosts by name' }).fill('nowhere');
    await page.getByText('No host matches.').waitFor();
    await page.getByRole('button', { name: 'Show all hosts' }).click();
    await eventually(() => rows.count()).toBe(101);
    expect(problems).toEqual([]);
    await close();
  });

  test('is told of a thousand hosts when somebody asks for them', async () => {
    stage.reset(2500);
    const { page, problems, close } = await stage.open('/availability', {
      viewport: { width: 390, height: 800 },
    });
    const rows = page.getByRole('row');
    await eventually(() => rows.count()).toBe(101);
    await page.getByText('2,400 hosts more').waitFor();
    const startedMs = performance.now();
    await page.getByRole('button', { name: 'Show 1,000' }).click();
    await eventually(() => rows.count()).toBe(1_001);
    expect(performance.now() - startedMs).toBeLessThan(SHOWN_MS_MAX);
    await page.getByText('1,500 hosts more').waitFor();
    expect(await page.getByRole('button', { name: /^Show / }).count()).toBe(0);
    expect(await measure(page, 'document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    expect(problems).toEqual([]);
    await close();
  });
});
