import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../harness/needs.ts';
import { eventually } from './eventually.ts';
import { measure } from './harness.ts';
import { sampleHosts } from './sample-fleet.ts';
import { ONE_REFRESH_MS, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const chromium = needs('chromium');
const HOST_COUNT = 2500;
/** Ample for a shared machine; on an idle one each takes a tenth. */
const SHOWN_MS_MAX = 8_000;
const FRAME_MS_MAX = 250;
const ROWS_IN_DOCUMENT_MAX = 120;

const SCROLL_THROUGH = `(async () => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const spans = [];
  for (let step = 0; step <= 60; step++) {
    const before = performance.now();
    scrollBy(0, 300);
    await frame();
    spans.push(performance.now() - before);
  }
  scrollTo(0, document.documentElement.scrollHeight);
  await frame();
  return spans.sort((a, b) => a - b)[Math.floor(spans.length * 0.9)];
})()`;

describe.skipIf(chromium.path === null)(`a large fleet${chromium.note}`, () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage(chromium.path ?? '');
    stage.reset(HOST_COUNT);
  });
  afterAll(() => stage.stop());

  test.each([
    ['a table', 1440],
    ['cards', 390],
  ])('is listed and scrolled smoothly as %s', async (_form, width) => {
    const startedMs = performance.now();
    const watched = await stage.open('/', { viewport: { width, height: 900 } });
    const { page, problems, close } = watched;
    // The real clock again: frames are measured.
    await page.clock.resume();
    await page.locator('[data-host]').first().waitFor();
    expect(performance.now() - startedMs).toBeLessThan(SHOWN_MS_MAX);
    expect(await page.getByRole('table').getAttribute('aria-rowcount')).toBe(String(HOST_COUNT + 1));
    expect(await measure(page, SCROLL_THROUGH)).toBeLessThan(FRAME_MS_MAX);
    expect(await measure(page, `document.querySelectorAll('[data-host]').length`)).toBeLessThan(
      ROWS_IN_DOCUMENT_MAX,
    );
    // The very last row has come into view, and says that it is the last.
    const last = page.locator(`tr[aria-rowindex="${HOST_COUNT + 1}"]`);
    await last.waitFor();
    const bottomPx = await last.boundingBox();
    expect(bottomPx === null ? Infinity : bottomPx.y + bottomPx.height).toBeLessThanOrEqual(900);
    expect(problems).toEqual([]);
    await close();
  });

  test('keeps the focused row and its place while the rest is scrolled away and refreshed', async () => {
    const { page, close } = await stage.open('/?sort=name');
    const link = page.locator('tr[aria-rowindex="12"] a');
    const name = await link.textContent();
    await link.focus();
    await page.evaluate('scrollTo(0, 40000)');
    await eventually(() =>
      measure(page, `document.querySelectorAll('tr[aria-rowindex="1100"]').length`),
    ).toBe(1);
    stage.collector.fleet.hosts = sampleHosts(HOST_COUNT, Date.now());
    await page.clock.runFor(ONE_REFRESH_MS);
    await eventually(() => page.evaluate('document.activeElement.textContent')).toBe(name);
    expect(await measure(page, 'scrollY')).toBe(40_000);
    await page.evaluate('scrollTo(0, 0)');
    // The rows follow the scrolling with the next frame; a key that comes before it meets the rows of before.
    await page.locator('tr[aria-rowindex="13"]').waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(`document.activeElement.closest('tr').getAttribute('aria-rowindex')`)).toBe(
      '13',
    );
    await close();
  });

  test('is searched as a whole', async () => {
    const { page, close } = await stage.open('/');
    await page.locator('[data-host]').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('ws-lab-300');
    await eventually(() => page.getByRole('row').count()).toBe(2);
    expect(await page.getByText('1 of 2,500 hosts').count()).toBe(1);
    await close();
  });
});
