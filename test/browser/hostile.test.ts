import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../harness/needs.ts';
import { eventually } from './eventually.ts';
import { measure } from './harness.ts';
import { HOSTILE_TEXTS, sampleHost } from './sample-fleet.ts';
import { hostId, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const chromium = needs('chromium');

// The longest text is shown cut, the others whole.
const SHORT_TEXTS = HOSTILE_TEXTS.filter((text) => text.length < 200);
// Text of an element as the browser keeps it: a newline is only folded when it is drawn.
const textsOf = (selector: string): string =>
  `[...document.querySelectorAll('${selector}')].map((one) => one.textContent)`;

describe.skipIf(chromium.path === null)(`hostile text from hosts${chromium.note}`, () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage(chromium.path ?? '');
    stage.reset(12);
    const nowMs = Date.now();
    const { fleet } = stage.collector;
    fleet.hosts = HOSTILE_TEXTS.map((text, index) => ({
      ...sampleHost(index, nowMs),
      name: text,
      state: 'up',
      os: { platform: text, name: text, kernel: text, arch: text },
      agentVersion: text,
      openIncidentCount: 1,
    }));
    fleet.incidents = fleet.incidents.slice(0, 1).flatMap((incident) =>
      HOSTILE_TEXTS.map((text, index) => ({
        ...incident,
        id: text,
        rule: text,
        title: text,
        description: text,
        hostId: hostId(index),
        hostName: text,
        deliveries: incident.deliveries.map((delivery) => ({ ...delivery, receiver: text, lastError: text })),
      })),
    );
    fleet.inventory = HOSTILE_TEXTS.map((text) => ({
      name: text,
      hash: '00',
      receivedMs: nowMs,
      content: Object.fromEntries([
        [text, text],
        ['list', [Object.fromEntries([[text, text]]), Object.fromEntries([[text, [text]]])]],
      ]),
    }));
    fleet.inventoryChanges = HOSTILE_TEXTS.map((text) => ({
      section: text,
      atMs: nowMs,
      previousMs: nowMs - 1,
      changes: [{ kind: 'changed', path: [text, text], before: text, after: [text, { [text]: text }] }],
      omitted: 1,
    }));
    fleet.mountpoints = HOSTILE_TEXTS;
  });
  afterAll(() => stage.stop());

  test('is shown as text in the list', async () => {
    const { page, problems, foreignRequests, close } = await stage.open('/');
    await eventually(() => page.getByRole('row').count()).toBe(HOSTILE_TEXTS.length + 1);
    expect(await page.evaluate(textsOf('.host-link'))).toEqual(expect.arrayContaining(SHORT_TEXTS));
    expect(await measure(page, `document.querySelectorAll('#app img, #app script').length`)).toBe(0);
    expect(await page.title()).toBe('Hosts · Rollcall');
    expect(await measure(page, 'document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
    expect(foreignRequests).toEqual([]);
    await close();
  });

  // The inventory and the charts of each host carry all of the texts; the name is one of each sort.
  test.each([0, 4, 5, 6, 9].map((index) => [HOSTILE_TEXTS[index]?.slice(0, 60), index] as const))(
    'is shown as text on the page of the host %j',
    async (_text, index) => {
      const { page, problems, foreignRequests, close } = await stage.open(`/hosts/${hostId(index)}`);
      await page.locator('.inventory').waitFor();
      await eventually(() => page.locator('canvas').count()).toBe(8);
      expect(await page.evaluate(textsOf('.fields dd bdi'))).toEqual(expect.arrayContaining(SHORT_TEXTS));
      expect(await page.evaluate(textsOf('.sr-only th bdi'))).toEqual(
        expect.arrayContaining(SHORT_TEXTS.slice(0, 1)),
      );
      expect(await measure(page, `document.querySelectorAll('#app img, #app script').length`)).toBe(0);
      expect(await page.title()).toMatch(/ · Rollcall$/);
      expect(await measure(page, 'document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
      expect(problems).toEqual([]);
      expect(foreignRequests).toEqual([]);
      await close();
    },
  );

  test('is shown as text in the availability', async () => {
    const { page, problems, foreignRequests, close } = await stage.open('/availability');
    await eventually(() => page.getByRole('row').count()).toBe(HOSTILE_TEXTS.length + 1);
    expect(await page.evaluate(textsOf('.availability th bdi'))).toEqual(expect.arrayContaining(SHORT_TEXTS));
    expect(await measure(page, `document.querySelectorAll('#app img, #app script').length`)).toBe(0);
    expect(await measure(page, 'document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
    expect(foreignRequests).toEqual([]);
    await close();
  });

  test('is shown as text among the incidents', async () => {
    const { page, problems, foreignRequests, close } = await stage.open('/incidents');
    await eventually(() => page.getByRole('article').count()).toBe(HOSTILE_TEXTS.length);
    expect(await page.evaluate(textsOf('.incident h3'))).toEqual(expect.arrayContaining(SHORT_TEXTS));
    expect(await page.evaluate(textsOf('.incident-text'))).toEqual(expect.arrayContaining(SHORT_TEXTS));
    expect(await measure(page, `document.querySelectorAll('#app img, #app script').length`)).toBe(0);
    expect(await measure(page, 'document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
    expect(foreignRequests).toEqual([]);
    await close();
  });
});
