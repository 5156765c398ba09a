/**
 * `/act/…`: the signed links of messages, without a login. GET shows a page with a button and changes nothing, so that a
 * program which opens every link of a mail does no harm; POST does it.
 */
import { Router, type Response } from 'express';
import type { LinkAnswer } from '../../alerting/links/links.ts';

export interface LinksPort {
  look(path: string): LinkAnswer;
  follow(path: string): LinkAnswer;
}

const BUTTONS = { ack: 'Acknowledge', close: 'Close' } as const;
const DONE = { ack: 'Acknowledged. Nobody else will be told.', close: 'Closed.' } as const;
const STATUS = { offer: 200, done: 200, already: 200, ended: 200, expired: 410, forged: 404 } as const;

export function linksRouter(links: LinksPort): Router {
  const router = Router();
  router.use((_request, response, next) => {
    response.set({ 'Cache-Control': 'no-store', 'X-Robots-Tag': 'noindex' });
    next();
  });
  router.get('/*path', (request, response) => send(response, links.look(request.path.slice(1))));
  router.post('/*path', (request, response) => send(response, links.follow(request.path.slice(1))));
  return router;
}

function send(response: Response, answer: LinkAnswer): void {
  response.status(STATUS[answer.kind]).type('html').send(page(answer));
}

function page(answer: LinkAnswer): string {
  const title = 'title' in answer ? `<h1>${escapeHtml(answer.title)}</h1>` : '';
  const form =
    answer.kind === 'offer'
      ? `<form method="post"><button type="submit">${BUTTONS[answer.action]}</button></form>`
      : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rollcall</title>
</head>
<body>
<main>
${title}
<p>${words(answer)}</p>
${form}
</main>
</body>
</html>
`;
}

function words(answer: LinkAnswer): string {
  switch (answer.kind) {
    case 'offer':
      return answer.action === 'ack'
        ? 'You take care of this incident: nobody else will be told of it.'
        : 'You close this incident: it is over, whatever is measured.';
    case 'done':
      return DONE[answer.action];
    case 'already':
      return 'Somebody has acknowledged this incident already.';
    case 'ended':
      return 'This incident is over.';
    case 'expired':
      return 'This link has expired. The page of Rollcall shows the incident.';
    case 'forged':
      return 'This is not a link of this collector, or not all of it.';
    default:
      return answer satisfies never;
  }
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
