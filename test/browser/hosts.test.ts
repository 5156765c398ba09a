import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../harness/needs.ts';
import { eventually } from './eventually.ts';
import { measure } from './harness.ts';
import { sampleHost } from './sample-fleet.ts';
import { ONE_REFRESH_MS, hostId, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const chromium = needs('chromium');

describe.skipIf(chromium.path === null)(`the list of hosts${chromium.note}`, () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage(chromium.path ?? '');
  });
  afterAll(() => stage.stop());
  beforeEach(() => stage.reset(30));

  test('shows each host with its state in words, trouble first, and nothing goes wrong', async () => {
    const { page, problems, foreignRequests, close } = await stage.open('/');
    await page.getByRole('row').nth(30).waitFor();
    expect(await page.title()).toBe('(1 down) Hosts · Rollcall');
    const first = page.getByRole('row').nth(1);
    expect(await first.getByRole('cell').first().textContent()).toBe('Down');
    expect(await first.getByRole('link').textContent()).toBe('edge-1');
    const up = page.getByRole('row').filter({ hasText: 'web-1' });
    expect(await up.textContent()).toMatch(
      /^Upweb-1Debian GNU\/Linux 12 \(bookworm\).*%.*GiB.*B\/s.* d.*(?:s ago|now)0$/,
    );
    expect(await page.getByRole('group', { name: 'Filter by state' }).textContent()).toBe(
      'All 30Down 1Suspect 1Unknown 1Up 26Planned 1',
    );
    expect(problems).toEqual([]);
    expect(foreignRequests).toEqual([]);
    await close();
  });

  test('narrows by state and by words, and keeps the view in the address', async () => {
    const { page, close } = await stage.open('/');
    await page.getByRole('button', { name: 'Down 1' }).click();
    expect(await page.getByRole('link', { name: 'edge-1' }).count()).toBe(1);
    expect(await page.getByRole('row').count()).toBe(2);
    await page.getByRole('button', { name: 'Down 1' }).click();
    await page.keyboard.press('/');
    await page.keyboard.type('web debian');
    await eventually(() => page.getByRole('row').count()).toBe(5);
    expect(new URL(page.url()).search).toBe('?q=web+debian');
    await page.reload();
    await eventually(() => page.getByRole('row').count()).toBe(5);
    await page.getByRole('searchbox').fill('nobody is called that');
    await page.getByRole('button', { name: 'Show all hosts' }).click();
    await eventually(() => page.getByRole('row').count()).toBe(31);
    await close();
  });

  test('orders by a column with the keyboard', async () => {
    const { page, close } = await stage.open('/');
    await page.getByRole('button', { name: 'Name' }).focus();
    await page.keyboard.press('Enter');
    const head = page.getByRole('columnheader', { name: 'Name' });
    expect(await head.getAttribute('aria-sort')).toBe('ascending');
    expect(await page.getByRole('row').nth(1).getByRole('link').textContent()).toBe('build-1');
    await page.keyboard.press('Enter');
    expect(await head.getAttribute('aria-sort')).toBe('descending');
    expect(await page.getByRole('row').nth(1).getByRole('link').textContent()).toBe('ws-sales-3');
    await close();
  });

  test('refreshes without taking the focus or moving the page, and tells what changed', async () => {
    const { page, problems, close } = await stage.open('/', { viewport: { width: 1440, height: 500 } });
    const link = page.getByRole('link', { name: 'mail-2', exact: true });
    await link.focus();
    await page.evaluate('scrollTo(0, 300)');
    const nowMs = Date.now();
    // The focused host moves to the top, every figure changes, and one host is new.
    stage.collector.fleet.hosts = [...stage.collector.fleet.hosts, sampleHost(30, nowMs)].map((host) => ({
      ...host,
      state: host.name === 'mail-2' ? ('down' as const) : host.state,
      vitals: host.vitals === null ? null : { ...host.vitals, cpuBusyRatio: 0.5 },
    }));
    await page.clock.runFor(ONE_REFRESH_MS);
    await page.getByText('All 31').waitFor();
    expect(await page.evaluate('document.activeElement.textContent')).toBe('mail-2');
    expect(await measure(page, 'scrollY')).toBe(300);
    expect(await page.getByRole('status').textContent()).toBe('mail-2 is down, was up.');
    expect(problems).toEqual([]);
    await close();
  });

  test('opens a host from the keyboard and continues in its content', async () => {
    const { page, close } = await stage.open('/');
    await page.getByRole('link', { name: 'web-1', exact: true }).focus();
    await page.evaluate('scrollTo(0, 200)');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'web-1' }).waitFor();
    expect(await measure(page, 'scrollY')).toBe(0);
    expect(new URL(page.url()).pathname).toBe(`/hosts/${hostId(0)}`);
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await close();
  });

  test('tells a new installation how to add its first machine', async () => {
    stage.reset(0);
    const { page, problems, close } = await stage.open('/');
    await page.getByRole('heading', { name: 'Add your first machine' }).waitFor();
    await page.getByText('rollcall-collector token create', { exact: true }).waitFor();
    await page
      .getByText(`rollcall-agent enroll --url ${stage.collector.url} --token TOKEN`, { exact: true })
      .waitFor();
    // The first host appears by itself.
    stage.reset(1);
    await page.clock.runFor(ONE_REFRESH_MS);
    await page.getByRole('link', { name: 'web-1', exact: true }).waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test('says since when the collector is away, keeps what it knows, and recovers by itself', async () => {
    const { page, close } = await stage.open('/');
    await page.getByRole('link', { name: 'web-1', exact: true }).waitFor();
    stage.collector.fleet.isAway = true;
    await page.clock.runFor(ONE_REFRESH_MS);
    const banner = page.getByText(/since \d\d:\d\d:\d\d \(.*\)\. What you see is from \d\d:\d\d:\d\d\./);
    await banner.waitFor();
    expect(await page.getByRole('link', { name: 'web-1', exact: true }).count()).toBe(1);
    await eventually(() => page.getByRole('status').textContent()).toBe('The collector cannot be reached.');
    stage.collector.fleet.isAway = false;
    await page.clock.runFor(ONE_REFRESH_MS);
    await banner.waitFor({ state: 'detached' });
    await eventually(() => page.getByRole('status').textContent()).toBe('The collector is back.');
    await close();
  });

  test('comes up when the collector was away from the start', async () => {
    const { page, close } = await stage.open('/');
    await page.getByRole('row').nth(1).waitFor();
    await page.route('**/v1/**', (route) => route.abort());
    await page.reload();
    await page.getByText('Cannot load the hosts.').waitFor();
    await page.unroute('**/v1/**');
    await page.clock.runFor(ONE_REFRESH_MS);
    await page.getByRole('row').nth(30).waitFor();
    expect(await page.getByText('Cannot load the hosts.').count()).toBe(0);
    await close();
  });

  test.each([
    ['{"hosts":7}', 'answer.hosts: expected an array'],
    ['', 'the answer is not JSON'],
    ['<html></html>', 'the answer is not JSON'],
    ['[]', 'answer: expected an object'],
  ])('shows an error instead of a blank page for the answer %j', async (answer, message) => {
    stage.collector.fleet.brokenAnswer = answer;
    const { page, problems, close } = await stage.open('/');
    await page.getByText('The answer with the hosts could not be read.').waitFor();
    await page.getByText(message).waitFor();
    stage.collector.fleet.brokenAnswer = null;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('link', { name: 'web-1', exact: true }).waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test('shows a friendly page for an unknown address', async () => {
    const { page, problems, close } = await stage.open('/no/such/page');
    await page.getByRole('heading', { name: 'Nobody answers to that name' }).waitFor();
    expect(await page.title()).toBe('Not found · Rollcall');
    await page.getByRole('main').getByRole('link', { name: 'All hosts' }).click();
    await page.getByRole('row').nth(1).waitFor();
    expect(problems).toEqual([]);
    await close();
  });

  test('remembers the chosen theme', async () => {
    const { page, close } = await stage.open('/', { colorScheme: 'light' });
    const background = 'getComputedStyle(document.body).backgroundColor';
    const light = await page.evaluate(background);
    await page.getByRole('button', { name: 'Dark' }).click();
    const dark = await page.evaluate(background);
    expect(dark).not.toBe(light);
    await page.reload();
    await page.getByRole('button', { name: 'Dark', pressed: true }).waitFor();
    expect(await page.evaluate(background)).toBe(dark);
    await close();
  });
});
