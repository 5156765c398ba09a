/**
 * Mail to one or more addresses through an SMTP server. Source: RFC 5321 (answers: 4xx is tried again, 5xx is not), RFC
 * 5322 (the message id stays the same in all attempts, so that mailboxes can recognise a repeat).
 */
import * as z from 'zod';
import type { IncidentEvidence } from '../../../api/types.ts';
import { isEnding } from '../../incidents/transition.ts';
import { resultOfError, shownAnswer } from '../answer.ts';
import { receiverName, secretText } from '../fields.ts';
import type { Notification, Notifier, NotifierPorts, SendResult } from '../notifier.ts';
import { sparkline } from '../sparkline.ts';
import { escapeHtml, facts, formatNumber, headline, incidentLink, shorten, timeText } from '../text.ts';
import type { Mail, MailAnswer } from './smtp.ts';

const ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;
const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^\[[0-9A-Fa-f:.]{2,45}\]$/;
const address = z.string().regex(ADDRESS, 'must be a mail address such as ops@example.org');

const PORTS = { starttls: 587, implicit: 465, none: 25 } as const;

export const emailConfigSchema = z
  .strictObject({
    kind: z.literal('email'),
    name: receiverName,
    host: z.string().regex(HOST, 'must be the name of a mail server'),
    /** 587, 465 with `tls: implicit`, 25 with `tls: none`. */
    port: z.int().min(1).max(65_535).optional(),
    tls: z
      .enum(['starttls', 'implicit', 'none'], { error: 'must be starttls, implicit or none' })
      .default('starttls'),
    user: z.string().min(1).max(256).optional(),
    password: secretText.optional(),
    from: address,
    to: z.array(address).min(1, 'must name an address').max(20),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    error: 'user and password must be given together',
  })
  .refine(({ user, tls }) => user === undefined || tls !== 'none', {
    error: 'a password is not sent without TLS: leave user out, or use starttls or implicit',
  });

const SUBJECT_LENGTH_MAX = 200;
const CHANGES_MAX = 8;
const PROGRAMS_MAX = 5;
const BYTES_PER_MIB = 1_048_576;

export function createEmail(config: z.infer<typeof emailConfigSchema>, ports: NotifierPorts): Notifier {
  const { host, tls, user, password, from, to } = config;
  const secrets = password === undefined ? [] : [password.reveal()];
  return {
    async send(notification, signal) {
      try {
        const evidence = await ports.evidenceOf?.(notification.incidentId, signal);
        const message = mailOf(notification, { ...ports, from, evidence: evidence ?? null });
        const answer = await ports.mail(
          {
            host,
            port: config.port ?? PORTS[tls],
            security: tls,
            login: user === undefined || password === undefined ? null : { user, password },
            from,
            to,
            message,
          },
          signal,
        );
        return judge(answer, { toCount: to.length, secrets });
      } catch (error) {
        return resultOfError(error);
      }
    },
  };
}

function judge(
  { status, text, acceptedCount }: MailAnswer,
  { toCount, secrets }: { readonly toCount: number; readonly secrets: readonly string[] },
): SendResult {
  if (status >= 200 && status <= 299) return { kind: 'delivered', status };
  const part = acceptedCount > 0 ? ` for ${toCount - acceptedCount} of ${toCount} addresses` : '';
  const error = `the mail server answered ${status}${part}`;
  const excerpt = shownAnswer(text, secrets);
  if (status >= 400 && status <= 499) return { kind: 'retry', error, status, retryAfterMs: null, excerpt };
  return { kind: 'refused', error, status, excerpt, isReceiverGone: false };
}

export interface MailContext extends Pick<NotifierPorts, 'externalUrl' | 'links'> {
  readonly from: string;
  /** What was seen when the incident opened, where it is known. */
  readonly evidence: IncidentEvidence | null;
}

/** The message of a notification, as text and as plain HTML with the same words. */
export function mailOf(notification: Notification, context: MailContext): Mail {
  const { transitionId, incidentId, kind, snapshot } = notification;
  const { externalUrl, links, from, evidence } = context;
  const subject = shorten(headline(notification), SUBJECT_LENGTH_MAX);
  const rows = facts(notification);
  const seen = evidence === null || isEnding(kind) ? [] : evidenceLines(evidence);
  const to = isEnding(kind) ? null : (links?.to(incidentId, notification.receiver) ?? null);
  const addresses = [
    ['Incident', incidentLink(notification, externalUrl)] as const,
    ...(to === null
      ? []
      : ([
          ['Acknowledge', to.ack],
          ['Close', to.close],
        ] as const)),
  ];
  const text = [
    headline(notification),
    ...(snapshot.description === '' ? [] : ['', snapshot.description]),
    '',
    ...rows.map(([name, value]) => `${name}: ${value}`),
    ...(seen.length === 0 ? [] : ['', ...seen]),
    '',
    ...addresses.map(([name, url]) => `${name}: ${url}`),
    '',
  ].join('\n');
  const domain = from.slice(from.lastIndexOf('@') + 1);
  return {
    subject,
    text,
    html: htmlOf({ title: headline(notification), description: snapshot.description, rows, seen, addresses }),
    messageId: `<${transitionId}@${domain}>`,
    headers: {
      // What belongs to one incident is one conversation.
      References: `<${incidentId}@${domain}>`,
      'In-Reply-To': `<${incidentId}@${domain}>`,
      'Auto-Submitted': 'auto-generated',
      'X-Rollcall-Incident': incidentId,
    },
  };
}

function evidenceLines({ history, changes, processes }: IncidentEvidence): readonly string[] {
  const lines: string[] = [];
  if ('values' in history) {
    const known = history.values.filter((value) => value !== null);
    if (known.length > 0) {
      const [min, max] = [Math.min(...known), Math.max(...known)].map(formatNumber);
      lines.push(`The hour before (${min} to ${max}): ${sparkline(history.values)}`);
    }
  }
  if (processes !== null && !('problem' in processes) && processes.programs.length > 0) {
    lines.push(`Busiest on the host until ${timeText(processes.atMs)}:`);
    for (const { name, count, pid, cpus, memoryBytes } of processes.programs.slice(0, PROGRAMS_MAX)) {
      const memory = memoryBytes === null ? '' : `, ${Math.round(memoryBytes / BYTES_PER_MIB)} MiB`;
      const shown = name === '' ? 'a program without a name' : name;
      lines.push(`- ${shown} ×${count} (${pid}): ${formatNumber(cpus)} processors${memory}`);
    }
  }
  if (changes !== null && !('problem' in changes) && changes.length > 0) {
    lines.push('Changed on the host in the day before:');
    for (const { atMs, kind, section, what, before, after } of changes.slice(0, CHANGES_MAX)) {
      const values = [before, after].filter((value) => value !== null).join(' → ');
      lines.push(`- ${timeText(atMs)}: ${section}, ${what} ${kind}${values === '' ? '' : `: ${values}`}`);
    }
    if (changes.length > CHANGES_MAX) lines.push(`- and ${changes.length - CHANGES_MAX} more`);
  }
  return lines;
}

function htmlOf(mail: {
  readonly title: string;
  readonly description: string;
  readonly rows: readonly (readonly [string, string])[];
  readonly seen: readonly string[];
  readonly addresses: readonly (readonly [string, string])[];
}): string {
  const rows = mail.rows.map(
    ([name, value]) => `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(value)}</td></tr>`,
  );
  const links = mail.addresses.map(
    ([name, url]) => `<a href="${escapeAttribute(url)}">${escapeHtml(name)}</a>`,
  );
  return [
    '<!doctype html><html><body>',
    `<h2>${escapeHtml(mail.title)}</h2>`,
    mail.description === '' ? '' : `<p>${escapeHtml(mail.description)}</p>`,
    `<table cellpadding="3">${rows.join('')}</table>`,
    mail.seen.length === 0 ? '' : `<pre>${escapeHtml(mail.seen.join('\n'))}</pre>`,
    `<p>${links.join(' · ')}</p>`,
    '</body></html>',
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function escapeAttribute(text: string): string {
  return escapeHtml(text).replaceAll('"', '&quot;');
}
