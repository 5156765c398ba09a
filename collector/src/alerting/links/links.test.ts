import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openState } from '../../state/state.ts';
import { onCallSchema } from '../on-call/config.ts';
import { World } from '../testing/world.ts';
import { linkKey } from './key.ts';
import { createLinks, createLinkSigner } from './links.ts';
import { calendarToken, isCalendarToken, linkExpiryMs, signLink, verifyLink } from './sign.ts';

const KEY = Buffer.alloc(32, 7);
const INCIDENT = 'i-01JGFJJZ0000000000000000AB';
const NOW_MS = Date.UTC(2026, 0, 2, 3);
const CLAIM = {
  action: 'ack',
  incidentId: INCIDENT,
  receiver: 'anna-mail',
  expiresMs: linkExpiryMs(NOW_MS),
} as const;

describe('a signed link', () => {
  it('is good for what it says, for at least a week', () => {
    const path = signLink(KEY, CLAIM);
    expect(verifyLink(KEY, path, NOW_MS)).toEqual({ kind: 'valid', claim: CLAIM });
    expect(CLAIM.expiresMs - NOW_MS).toBeGreaterThan(7 * 86_400_000);
    expect(verifyLink(KEY, path, CLAIM.expiresMs - 1).kind).toBe('valid');
    expect(verifyLink(KEY, path, CLAIM.expiresMs)).toEqual({ kind: 'expired' });
  });

  it.each([
    ['another deed', (path: string) => path.replace('ack/', 'close/')],
    ['another incident', (path: string) => path.replace('0AB', '0AC')],
    ['another receiver', (path: string) => path.replace('anna', 'bnna')],
    ['a later end', (path: string) => path.replace(/\/1(\d+)\//, '/2$1/')],
    ['a cut signature', (path: string) => path.slice(0, -1)],
    ['no signature', (path: string) => path.slice(0, path.lastIndexOf('/') + 1)],
    ['something behind it', (path: string) => `${path}/x`],
    ['nothing', () => ''],
  ])('is worth nothing with %s', (_what, change) => {
    expect(verifyLink(KEY, change(signLink(KEY, CLAIM)), NOW_MS)).toEqual({ kind: 'forged' });
  });

  it('is worth nothing under another key, or as the token of a calendar', () => {
    expect(verifyLink(Buffer.alloc(32, 8), signLink(KEY, CLAIM), NOW_MS).kind).toBe('forged');
    const token = calendarToken(KEY, 'primary');
    expect(isCalendarToken(KEY, 'primary', token)).toBe(true);
    for (const wrong of ['', token.slice(1), calendarToken(KEY, 'other'), `${token}A`]) {
      expect(isCalendarToken(KEY, 'primary', wrong)).toBe(false);
    }
  });

  it('never takes anything else for valid', () => {
    const path = signLink(KEY, CLAIM);
    fc.assert(
      fc.property(fc.nat(path.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (i, letter) => {
        const changed = path.slice(0, i) + letter + path.slice(i + 1);
        if (changed === path) return;
        const verdict = verifyLink(KEY, changed, NOW_MS);
        // The last letter of base64 has two bits that mean nothing.
        const isSame = verdict.kind === 'valid' && i === path.length - 1;
        expect(verdict.kind === 'forged' || isSame).toBe(true);
      }),
    );
  });
});

it('makes one key for each installation and keeps it', () => {
  const state = openState(':memory:');
  const first = linkKey(state, (count) => Buffer.alloc(count, 1));
  expect(linkKey(state, (count) => Buffer.alloc(count, 2))).toEqual(first);
  expect(first).toHaveLength(32);
  state.close();
});

async function open() {
  const onCall = onCallSchema.parse({ people: [{ name: 'anna', receivers: ['anna-mail'] }] });
  const world = new World({ receivers: ['anna-mail', 'hook'], onCall });
  const alerting = world.createAlerting();
  world.setHost('web-1', 'down');
  await alerting.evaluateOnce();
  const [incident] = alerting.incidents.list({ status: 'open', hostId: null, limit: 1 });
  const signer = createLinkSigner({
    key: KEY,
    clock: world.clock,
    externalUrl: 'https://rollcall.example',
  });
  const links = createLinks({
    key: KEY,
    clock: world.clock,
    actions: alerting.actions,
    incident: (id) => alerting.incidents.get(id),
    ownerOf: (receiver) => alerting.onCall.ownerOf(receiver),
    counters: world.counters,
  });
  const id = incident?.id ?? '';
  const path = (url: string): string => url.replace('https://rollcall.example/act/', '');
  return { world, alerting, signer, links, id, path };
}

describe('following a link', () => {
  it('does nothing while it is only looked at, and then once', async () => {
    const { world, alerting, signer, links, id, path } = await open();
    const ack = path(signer.to(id, 'anna-mail').ack);
    expect(links.look(ack)).toEqual({ kind: 'offer', action: 'ack', title: 'web-1 is down' });
    links.look(ack);
    expect(alerting.incidents.get(id)?.acknowledgement).toBeNull();
    expect(links.follow(ack)).toMatchObject({ kind: 'done' });
    // The receiver is Anna's alone, so it was she.
    expect(alerting.incidents.get(id)?.acknowledgement).toMatchObject({ by: 'anna', untilMs: null });
    expect(links.follow(ack)).toMatchObject({ kind: 'already' });
    expect(alerting.incidents.get(id)?.timeline.filter(({ kind }) => kind === 'transition')).toHaveLength(2);
    const counted = (outcome: string): number =>
      world.counters.sum('rollcall_alerting_links_total', { action: 'ack', outcome });
    expect([counted('offer'), counted('done'), counted('already')]).toEqual([2, 1, 1]);
  });

  it('closes, and says so when the incident is over', async () => {
    const { alerting, signer, links, id, path } = await open();
    const { ack, close } = signer.to(id, 'hook');
    expect(links.follow(path(close))).toMatchObject({ kind: 'done', action: 'close' });
    expect(alerting.incidents.get(id)).toMatchObject({
      status: 'resolved',
      endReason: 'closed by link to hook',
    });
    expect(links.follow(path(close))).toMatchObject({ kind: 'ended' });
    expect(links.follow(path(ack))).toMatchObject({ kind: 'ended' });
  });

  it('refuses what is not its own', async () => {
    const { world, links } = await open();
    expect(links.follow('ack/whatever')).toEqual({ kind: 'forged' });
    expect(
      world.counters.sum('rollcall_alerting_links_total', { action: 'unknown', outcome: 'forged' }),
    ).toBe(1);
  });
});
