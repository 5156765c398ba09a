import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../harness/needs.ts';
import { eventually } from './eventually.ts';
import { WRITE_TOKEN } from './fake-collector.ts';
import { measure } from './harness.ts';
import { HOSTILE_TEXTS } from './sample-fleet.ts';
import { incidentId, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const chromium = needs('chromium');

describe.skipIf(chromium.path === null)(`the page of an incident${chromium.note}`, () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage(chromium.path ?? '');
  });
  afterAll(() => stage.stop());
  beforeEach(() => stage.reset(14));

  test('shows what was seen when it opened, and what happened', async () => {
    const { page, problems, foreignRequests, close } = await stage.open(`/incidents/${incidentId(0)}`);
    await page.getByRole('img', { name: /^The hour before: from 0\.8\S* to 0\.9/ }).waitFor();
    // A value that is missing is a hole in the curve.
    expect(await page.locator('.evidence polyline').count()).toBe(4);
    await page.getByText('postgresql-16 changed: 16.3 → 16.4').waitFor();
    const timeline = page.getByRole('region', { name: 'What happened' }).getByRole('listitem');
    expect(await timeline.count()).toBe(3);
    expect(await timeline.nth(1).textContent()).toContain('503 Service Unavailable');
    expect(problems).toEqual([]);
    expect(foreignRequests).toEqual([]);
    await close();
  });

  test('asks for a token, takes another one after a refusal, and keeps what was written', async () => {
    const { page, close } = await stage.open(`/incidents/${incidentId(0)}`);
    const comment = page.getByLabel('Comment');
    const token = page.getByLabel('Access token for changes');
    const before = stage.collector.changes.length;
    await comment.fill('on it');
    await acknowledge(page);
    await alertSays(page, 'Enter an access token first.');
    expect(await focused(page)).toBe('password');
    await token.fill('rca1_only-for-reading');
    await acknowledge(page);
    await alertSays(page, 'the access token is for reading');
    expect(stage.collector.changes).toHaveLength(before);
    expect(await comment.inputValue()).toBe('on it');
    await token.fill(WRITE_TOKEN);
    await acknowledge(page);
    await eventually(() => Promise.resolve(stage.collector.changes.slice(before))).toEqual([
      { id: incidentId(0), kind: 'ack', body: '{"note":"on it"}' },
    ]);
    await eventually(() => comment.inputValue()).toBe('');
    expect(await token.isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Forget the token' }).click();
    await token.waitFor();
    expect(await token.inputValue()).toBe('');
    await close();
  });

  test('closes nothing without a reason', async () => {
    const { page, close } = await stage.open(`/incidents/${incidentId(0)}`);
    const before = stage.collector.changes.length;
    await page.getByLabel('Access token for changes').fill(WRITE_TOKEN);
    await page.getByRole('button', { name: 'Close' }).click();
    await alertSays(page, 'Write why it is closed first.');
    expect(await focused(page)).toBe('textarea');
    expect(stage.collector.changes).toHaveLength(before);
    await close();
  });

  test('shows hostile text as the text that it is', async () => {
    const { fleet } = stage.collector;
    const plain = fleet.incidentDetail;
    fleet.incidentDetail = (incident) => ({
      ...plain(incident),
      title: HOSTILE_TEXTS[0] ?? '',
      description: HOSTILE_TEXTS[9] ?? '',
      timeline: HOSTILE_TEXTS.map((text) => ({
        kind: 'transition',
        atMs: incident.openedMs,
        transition: 'commented',
        person: text,
        note: text,
      })),
      evidence: {
        takenMs: incident.openedMs,
        history: { problem: HOSTILE_TEXTS[1] ?? '' },
        changes: HOSTILE_TEXTS.map((text) => ({
          atMs: incident.openedMs,
          section: text,
          kind: 'changed',
          what: text,
          before: text,
          after: text,
        })),
      },
    });
    const { page, problems, foreignRequests, close } = await stage.open(`/incidents/${incidentId(0)}`);
    await page.locator('.timeline').first().waitFor();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(HOSTILE_TEXTS[0]);
    const notes = await page.locator('.timeline-note').allTextContents();
    expect(notes.slice(0, 9)).toEqual(HOSTILE_TEXTS.slice(0, 9));
    expect(await measure(page, `document.querySelectorAll('#app img, #app script').length`)).toBe(0);
    expect(await page.title()).not.toBe('owned');
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await measure(page, 'document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
    expect(foreignRequests).toEqual([]);
    await close();
  });

  test('says so where there is none', async () => {
    const { page, close } = await stage.open('/incidents/i-nowhere');
    await page.getByRole('heading', { level: 1, name: 'No such incident' }).waitFor();
    await close();
  });
});

function acknowledge(page: Page): Promise<void> {
  return page.getByRole('button', { name: 'Acknowledge' }).click();
}

async function alertSays(page: Page, words: string): Promise<void> {
  await page.getByRole('alert').getByText(words).waitFor();
}

/** The kind of field that has the focus. */
function focused(page: Page): Promise<unknown> {
  return page.evaluate('document.activeElement.type ?? document.activeElement.localName');
}
