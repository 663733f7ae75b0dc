import axe from 'axe-core';
import type { BrowserContext, Page } from 'playwright-core';

/** A run that two cores without a GPU finish in seconds. */
export const SMALL_RUN =
  '#learn?task=quadratic&optimizer=l2l&hidden=4&tasks=8&horizon=40&iterations=60&rate=0.01';

/** What a chart shows, as it is told to who cannot see it. */
export const chartText = async (page: Page, selector = '.plot'): Promise<string> =>
  (await page.locator(selector).first().getAttribute('aria-label')) ?? '';

/** Waits until a view says that it is in a state. */
export async function inState(page: Page, view: string, state: string): Promise<void> {
  await page.waitForSelector(`.${view}[data-state=${state}]`, { timeout: 90_000 });
}

/** From now on there is no connection, until `context.unrouteAll`; but for the icon, which Chromium asks for by itself. */
export async function goOffline(context: BrowserContext): Promise<void> {
  await context.route(/^(?!.*\/icon-)/, (route) => route.abort('internetdisconnected'));
}

/** What axe-core finds, as one line each. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0]?.html ?? ''}`);
  });
}
