/** What single receivers do that no other does. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '@rollcall/shared/testing/fake-clock.ts';
import { createReceivers, receiverConfigSchema } from './list.ts';
import type { SendResult } from './notifier.ts';
import type { PostAnswer, PostRequest } from './post.ts';
import { CONFIGS, FIRED, HUGE, RESOLVED } from './testing/examples.ts';
import { slackBody } from './slack/slack.ts';
import { telegramBody } from './telegram/telegram.ts';
import { discordBody } from './discord/discord.ts';
import { ntfyBody } from './ntfy/ntfy.ts';
import { teamsBody } from './teams/teams.ts';
import { googleChatBody } from './google-chat/google-chat.ts';
import { pagerdutyBody } from './pagerduty/pagerduty.ts';

const SIGNAL = new AbortController().signal;
const URL_OF_US = 'https://rollcall.example';

async function send(
  kind: string,
  answer: PostAnswer,
  over: object = {},
): Promise<{ readonly result: SendResult; readonly request: PostRequest | undefined }> {
  let request: PostRequest | undefined;
  const clock = new FakeClock();
  const [created] = createReceivers(
    [receiverConfigSchema.parse({ kind, name: 'ops', ...CONFIGS[kind], ...over })],
    {
      post: async (sent) => {
        request = sent;
        return answer;
      },
      mail: () => Promise.reject(new Error('no mail')),
      clock,
      externalUrl: URL_OF_US,
    },
  );
  const result = await created?.notifier.send(FIRED, SIGNAL);
  if (result === undefined) throw new Error('no receiver');
  return { result, request };
}

const ok = (body = 'ok'): PostAnswer => ({ status: 200, retryAfter: null, body });

describe('standard-webhook', () => {
  it('signs id, time and body with every secret', async () => {
    const keys = ['a', 'b'].map((letter) => Buffer.from(letter.repeat(32)));
    const secrets = keys.map((key) => `whsec_${key.toString('base64')}`);
    const { request } = await send('standard-webhook', ok(), { secrets });
    const headers = request?.headers ?? {};
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${request?.body}`;
    const expected = keys.map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    expect(headers['webhook-signature']).toBe(expected.join(' '));
    expect(headers['webhook-id']).toBe(FIRED.transitionId);
  });

  it.each([
    [[]],
    [['whsec_short']],
    [['nope']],
    [Array.from({ length: 3 }, () => `whsec_${'a'.repeat(32)}`)],
  ])('refuses the secrets %j', (secrets) => {
    const config = { kind: 'standard-webhook', name: 'ops', url: 'https://a.example', secrets };
    expect(receiverConfigSchema.safeParse(config).success).toBe(false);
  });
});

describe('slack', () => {
  it('takes a page of somebody else for no answer', async () => {
    expect((await send('slack', ok('<html>'))).result).toMatchObject({ kind: 'retry' });
  });

  it('calls nobody that a host is named after, and keeps within the sizes of blocks', () => {
    const { text, attachments } = JSON.parse(slackBody(HUGE, URL_OF_US));
    const [header, section] = attachments[0].blocks;
    // A header is plain text, where brackets mean nothing.
    expect(text + JSON.stringify(section)).not.toContain('<!channel>');
    expect(header.text.text.length).toBeLessThanOrEqual(150);
    expect(section.text.text.length).toBeLessThanOrEqual(3000);
    for (const field of section.fields) expect(field.text.length).toBeLessThanOrEqual(2000);
  });
});

describe('discord', () => {
  it('waits as long as the answer says, and asks for the answer', async () => {
    const { result, request } = await send('discord', {
      status: 429,
      retryAfter: null,
      body: '{"retry_after":1.5}',
    });
    expect(result).toMatchObject({ kind: 'retry', retryAfterMs: 1500 });
    expect(new URL(request?.url ?? '').searchParams.get('wait')).toBe('true');
  });

  it('pings nobody and keeps within 6,000 characters', () => {
    const { embeds, allowed_mentions: mentions } = JSON.parse(discordBody(HUGE, URL_OF_US));
    expect(mentions).toEqual({ parse: [] });
    expect(JSON.stringify(embeds[0]).length).toBeLessThan(6000 * 2);
    const texts = [
      embeds[0].title,
      embeds[0].description,
      ...embeds[0].fields.flatMap((f: { name: string; value: string }) => [f.name, f.value]),
    ];
    expect(texts.join('').length).toBeLessThanOrEqual(6000);
  });
});

describe('telegram', () => {
  it('waits as long as the answer says', async () => {
    const body = '{"ok":false,"error_code":429,"parameters":{"retry_after":9}}';
    expect((await send('telegram', { status: 429, retryAfter: null, body })).result).toMatchObject({
      retryAfterMs: 9000,
    });
    expect((await send('telegram', { status: 429, retryAfter: '3', body: '<html>' })).result).toMatchObject({
      retryAfterMs: 3000,
    });
  });

  it('keeps its text within 4,096 characters and its markup whole', () => {
    const { text } = JSON.parse(telegramBody(HUGE, { chatId: '1', externalUrl: URL_OF_US }));
    const shown = text.replaceAll(/<\/?b>/g, '').replaceAll(/&(amp|lt|gt);/g, '.');
    expect(shown.length).toBeLessThanOrEqual(4096);
    expect(text.match(/<[^>]*>/g)).toEqual(['<b>', '</b>']);
  });
});

describe('ntfy', () => {
  it('keeps its message within 4,096 bytes', () => {
    const { message, title } = JSON.parse(ntfyBody(HUGE, { topic: 't', externalUrl: URL_OF_US }));
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(4096);
    expect(Buffer.byteLength(title)).toBeLessThanOrEqual(250);
  });
});

describe('teams', () => {
  it('shows links of hosts as text', () => {
    expect(teamsBody(HUGE, URL_OF_US)).not.toContain('[x](http');
  });
});

describe('google-chat', () => {
  it('makes a repeat harmless by the id of the transition', async () => {
    const { request } = await send('google-chat', ok());
    expect(new URL(request?.url ?? '').searchParams.get('requestId')).toBe(FIRED.transitionId);
    expect(googleChatBody(HUGE, URL_OF_US)).not.toContain('</b>&amp;amp;"');
  });
});

describe('pagerduty', () => {
  it('waits for minutes when it sends too much', async () => {
    const { result } = await send('pagerduty', { status: 429, retryAfter: null, body: '' });
    expect(result).toMatchObject({ kind: 'retry', retryAfterMs: 120_000 });
  });

  it('ends with the key that it began with', () => {
    const at = { key: 'k', externalUrl: URL_OF_US };
    const [fired, resolved] = [FIRED, RESOLVED].map((one) => JSON.parse(pagerdutyBody(one, at)));
    expect(fired.dedup_key).toBe(resolved.dedup_key);
    expect([fired.event_action, resolved.event_action]).toEqual(['trigger', 'resolve']);
    expect(JSON.parse(pagerdutyBody(HUGE, at)).payload.summary.length).toBeLessThanOrEqual(1024);
  });
});
