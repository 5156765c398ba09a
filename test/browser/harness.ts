/** Chromium for tests of the page, pointed at a fake or a real collector alike: all it takes is an address. */
import { chromium } from 'playwright-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

/** Flags that keep Chromium from talking to anything but the page under test. */
const CHROMIUM_FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
] as const;

/** Starts the Chromium at this path. Close it when done. */
export function launchBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS] });
}

export interface WatchedPage {
  readonly page: Page;
  /** Console errors and warnings, uncaught errors, dialogs and policy violations, in the order they came. */
  readonly problems: readonly string[];
  /** Requests to any other origin than the page's. */
  readonly foreignRequests: readonly string[];
  readonly close: () => Promise<void>;
}

/**
 * A page in a context of its own that records everything that should not happen. `baseURL` is the collector's; close
 * the page when done.
 */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions & { readonly baseURL: string },
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  const foreignRequests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(options.baseURL) && !request.url().startsWith('data:'))
      foreignRequests.push(request.url());
  });
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => console.error('policy violation: ' + event.violatedDirective + ' ' + event.blockedURI));`,
  );
  return { page, problems, foreignRequests, close: () => context.close() };
}

/** What an expression in the page comes to, as a number; for measurements. */
export async function measure(page: Page, expression: string): Promise<number> {
  const value: unknown = await page.evaluate(expression);
  if (typeof value !== 'number') throw new Error(`measure ${expression}: not a number`);
  return value;
}
