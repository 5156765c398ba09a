import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../harness/needs.ts';
import { eventually } from './eventually.ts';
import { measure } from './harness.ts';
import { ONE_REFRESH_MS, hostId, incidentId, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const chromium = needs('chromium');

// Each with what is there once it has loaded, and the number of hosts; fourteen are the first to be
// in every state.
const PAGES = [
  ['the list', '/', 'table.hosts', 14],
  ['the list while it is empty', '/', '.first-host', 0],
  ['a host', `/hosts/${hostId(0)}`, '.inventory', 14],
  ['a host that is down', `/hosts/${hostId(5)}?range=6h`, '.inventory', 14],
  ['a host with its availability', `/hosts/${hostId(5)}?span=24h`, '.strip', 14],
  ['the availability', '/availability?span=7d&q=1', '.availability .list', 14],
  ['the incidents', '/incidents', '.incident', 14],
  ['an incident', `/incidents/${incidentId(0)}`, '.incident-actions', 14],
] as const;

describe.skipIf(chromium.path === null)(`the page for everybody${chromium.note}`, () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage(chromium.path ?? '');
  });
  afterAll(() => stage.stop());

  test.each(PAGES)(
    'has no barrier in either theme, and fits 360 pixels: %s',
    async (_name, path, loaded, hostCount) => {
      stage.reset(hostCount);
      const { page, problems, close } = await stage.open(path, { colorScheme: 'light' });
      await page.locator(loaded).first().waitFor();
      expect(await violations(page)).toEqual([]);
      await page.emulateMedia({ colorScheme: 'dark' });
      expect(await violations(page, THEMED)).toEqual([]);
      await page.setViewportSize({ width: 360, height: 740 });
      await eventually(() => measure(page, 'document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
      expect(problems).toEqual([]);
      await close();
    },
  );

  test('has no barrier in either theme on cards and the banner', async () => {
    stage.reset(14);
    const { page, close } = await stage.open('/', {
      colorScheme: 'dark',
      viewport: { width: 390, height: 800 },
    });
    await page.locator('table.hosts').waitFor();
    stage.collector.fleet.isAway = true;
    await page.clock.runFor(ONE_REFRESH_MS);
    await page.locator('.away').waitFor();
    expect(await violations(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await violations(page, THEMED)).toEqual([]);
    await close();
  });

  test('is judged by rules that can fail', async () => {
    stage.reset(0);
    const { page, close } = await stage.open('/');
    await page.locator('.first-host').waitFor();
    await page.evaluate(`{
      const pale = document.createElement('p');
      pale.textContent = 'hardly to be read';
      pale.style.setProperty('color', 'rgb(128 128 128 / 30%)');
      document.querySelector('main').append(pale, document.createElement('button'));
    }`);
    const nameless = expect.stringContaining('button-name');
    const unreadable = expect.stringContaining('color-contrast');
    expect((await violations(page)).toSorted()).toEqual([nameless, unreadable]);
    expect(await violations(page, THEMED)).toEqual([unreadable]);
    await close();
  });

  test('keeps cards a table for those who hear it', async () => {
    stage.reset(40);
    const { page, close } = await stage.open('/', { viewport: { width: 390, height: 800 } });
    const table = page.getByRole('table', { name: 'Hosts' });
    await eventually(() => table.getByRole('row').count()).toBe(40);
    expect(await table.getAttribute('aria-rowcount')).toBe('41');
    expect(await table.getByRole('row').first().getByRole('cell').count()).toBe(11);
    await close();
  });
});

/** What another theme can break; structure and names do not depend on it. */
const THEMED = ['color-contrast', 'link-in-text-block'];

async function violations(
  page: ConstructorParameters<typeof AxeBuilder>[0]['page'],
  rules?: string[],
): Promise<readonly string[]> {
  // A fifth of the time: no other page to gather what frames say, of which there are none, and no report of what passes.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] });
  if (rules === undefined)
    axe.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
  else axe.withRules(rules);
  const { violations: found } = await axe.analyze();
  return found.map(
    (one) =>
      `${one.impact ?? '?'} ${one.id}: ${one.nodes
        .map((node) => node.html)
        .join(' | ')
        .slice(0, 400)}`,
  );
}
