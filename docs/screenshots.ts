/**
 * Takes the pictures of the documentation from a running demo: `npm run demo`, then, once it has been up for two
 * minutes, `node docs/screenshots.ts http://127.0.0.1:7655`. Needs Chromium.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { needs } from '../test/harness/needs.ts';
import { launchBrowser, openPage } from '../test/browser/harness.ts';

const FOLDER = join(import.meta.dirname, 'images');
/** Charts fade nothing in; this is for the queries behind them. */
const SETTLE_MS = 4_000;

const [url = 'http://127.0.0.1:7655'] = process.argv.slice(2);
const chromium = needs('chromium');
if (chromium.path === null) throw new Error('chromium is not installed');
mkdirSync(FOLDER, { recursive: true });
const browser = await launchBrowser(chromium.path);
for (const colorScheme of ['light', 'dark'] as const) {
  const { page, problems, close } = await openPage(browser, { baseURL: url, colorScheme });
  const shoot = async (name: string): Promise<void> => {
    await page.waitForTimeout(SETTLE_MS);
    await page.screenshot({ path: join(FOLDER, `${name}-${colorScheme}.png`) });
  };
  await page.goto('/');
  await shoot('hosts');
  await page.getByRole('row').nth(4).getByRole('link').first().click();
  await shoot('host');
  await page.goto('/incidents');
  await shoot('incidents');
  for (const problem of problems) console.error(problem);
  await close();
}
await browser.close();
