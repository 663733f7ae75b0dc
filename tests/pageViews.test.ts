import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { readShipped } from '../src/cli/shipped.ts';
import { decodeWeights } from '../src/host/io/weights.ts';
import { browserForThisFile, describeInBrowser } from './support/browser.ts';
import { chartText, goOffline, inState, SMALL_RUN, violations } from './support/page.ts';

const SHIPPED = 'pretrained/l2l-digits.safetensors';
const VIEWS = [
  ['Learn', '.learn'],
  ['Race', '.race .entrant'],
  ['Gates', '.gates[data-state=done]'],
] as const;

/** What is downloaded when a button is pressed. */
async function saved(page: Page, button: ReturnType<Page['getByRole']>): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
  return readFileSync(await download.path());
}

/** Who runs in a race. */
const chosen = (page: Page): Promise<string[]> =>
  page
    .locator('.entrant input[type=checkbox]:checked')
    .evaluateAll((boxes) => boxes.map((box) => box.getAttribute('value') ?? ''));

describeInBrowser('the views', () => {
  const browsing = browserForThisFile();

  it('races shipped weights against Adam and SGD over a landscape, and saves what it shows', async () => {
    const { page, context, complaints } = await browsing().open('#race?problem=bowl&horizon=20&tasks=5');
    await page.getByLabel(readShipped().default, { exact: true }).uncheck();
    await goOffline(context);
    for (const name of ['l2l-digits', 'SGD']) await page.getByLabel(name, { exact: true }).check();
    await page.getByRole('button', { name: 'Race', exact: true }).click();
    await inState(page, 'race', 'done');
    const rows = await page.locator('.standings tbody tr').allTextContents();
    const names = rows.map((row) => /^(l2l-digits|Adam|SGD)\d/.exec(row)?.[1]);
    expect(names.sort()).toEqual(['Adam', 'SGD', 'l2l-digits']);
    expect(rows.filter((row) => row.includes('(tuned)'))).toHaveLength(2);
    expect(await page.locator('.landscape canvas').getAttribute('aria-label')).toContain('l2l-digits');
    const as = (name: string, chart = 'The race') =>
      page.getByRole('button', { name: `“${chart}” as ${name}` });
    const csv = (await saved(page, as('CSV'))).toString();
    expect(csv).toMatch(/^step,"(SGD|Adam)"/);
    expect(csv.trim().split('\n')).toHaveLength(22);
    expect((await saved(page, as('SVG'))).toString()).toContain('</svg>');
    for (const chart of ['The race', 'The landscape']) {
      const png = await saved(page, as('PNG', chart));
      expect(png.subarray(1, 4).toString()).toBe('PNG');
      expect(png.length).toBeGreaterThan(10_000);
    }
    const row = page.locator('.entrant', { hasText: 'l2l-digits' });
    const again = decodeWeights(await saved(page, row.getByRole('button', { name: 'Save' })), 'saved');
    expect(again.weights).toEqual(decodeWeights(readFileSync(SHIPPED), SHIPPED).weights);
    expect(complaints).toEqual([]);
  });

  it('preselects the default weights and tuned Adam; a link has the race that was run, rates and all', async () => {
    const start = '#race?problem=beale&horizon=10&tasks=2';
    const { page } = await browsing().open(start);
    const name = readShipped().default;
    await page.getByLabel(name, { exact: true }).waitFor();
    expect(await chosen(page)).toEqual([`shipped ${name}`, 'adam']);
    expect(page.url()).not.toContain('weights=');
    await page.getByLabel('Learning rate of Adam, as a power of ten').fill('-1.5');
    await page.getByLabel('SGD', { exact: true }).check();
    const race = async (page: Page) => {
      await page.getByRole('button', { name: 'Race', exact: true }).click();
      await inState(page, 'race', 'done');
      return [await chartText(page, '.race .plot'), await page.locator('.standings').textContent()];
    };
    const first = await race(page);
    expect(first[0]).toContain(`${name}: from`);
    const hash = new URL(page.url()).hash;
    const values = new URLSearchParams(hash.split('?')[1]);
    expect(Object.fromEntries(values)).toMatchObject({ weights: name, adam: '0.0316', sgd: 'tuned' });

    const again = await browsing().open(hash);
    await again.page.getByLabel(name, { exact: true }).waitFor();
    expect((await chosen(again.page)).sort()).toEqual(['adam', 'sgd', `shipped ${name}`]);
    expect(await race(again.page)).toEqual(first);

    await again.page.evaluate(() => {
      location.hash = '#race?problem=bowl&weights=nobody&momentum=0.5';
    });
    await again.page.getByRole('alert').getByText('not here and do not run: nobody').waitFor();
    expect(await chosen(again.page)).toEqual(['momentum']);
    expect(await again.page.locator('[name=problem]').inputValue()).toBe('bowl');
  });

  it('takes a weights file, and refuses one that is damaged in one sentence', async () => {
    const { page } = await browsing().open('#race');
    const choose = (name: string, buffer: Buffer) =>
      page.setInputFiles('input[type=file]', { name, mimeType: 'application/octet-stream', buffer });
    const damaged = readFileSync(SHIPPED);
    damaged[damaged.length - 20] = (damaged[damaged.length - 20] ?? 0) ^ 1;
    await choose('damaged.safetensors', damaged);
    await page.getByRole('alert').getByText('damaged.safetensors is damaged').waitFor();
    expect(await page.getByLabel('damaged.safetensors').count()).toBe(0);
    await choose('mine.safetensors', readFileSync(SHIPPED));
    await page.getByLabel('mine.safetensors').first().waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('digits are loaded when they are first needed, and the activation is one choice', async () => {
    const { page, context } = await browsing().open('#race?problem=digits&horizon=20&tasks=2');
    const requests: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    await page.getByLabel('Activation').selectOption('relu');
    expect(page.url()).toContain('activation=relu');
    for (const name of [readShipped().default, 'Adam']) {
      await page.getByLabel(name, { exact: true }).uncheck();
    }
    await page.getByLabel('l2l-digits', { exact: true }).check();
    await goOffline(context);
    await page.getByRole('button', { name: 'Race', exact: true }).click();
    await page.getByRole('alert').getByText('the digits could not be loaded').waitFor();
    await context.unrouteAll();
    requests.length = 0;
    await page.getByRole('button', { name: 'Race', exact: true }).click();
    await inState(page, 'race', 'running');
    await inState(page, 'race', 'done');
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(requests.filter((url) => url.includes('digits-') && url.endsWith('.bin'))).toHaveLength(1);
    expect(await chartText(page, '.race .plot')).toMatch(/l2l-digits: from 2\.3\S* to [01]\.\d+/);
  });

  it.each([
    ['meta-lstm', { forget: '1', input: '0.02' }, 'SGD, rate 0.020'],
    [
      'momentum-lstm',
      { forget: '1', input: '0.02', momentumForget: '0.8', momentumInput: '1' },
      'Momentum 0.8, rate 0.020',
    ],
  ])(
    '%s with all gates held has the curve of its ancestor; let go, it has not',
    async (kind, held, ancestor) => {
      const run = SMALL_RUN.replace('l2l', kind).replace('iterations=60', 'iterations=8');
      const { page, complaints } = await browsing().open(run);
      await page.click('button.primary');
      await inState(page, 'learn', 'done');
      await page.getByRole('link', { name: 'Gates', exact: true }).click();
      await page.waitForSelector('.gates[data-state=done][data-same=false]', { timeout: 60_000 });
      expect(await page.locator('[name=source]').inputValue()).toBe('trained');
      expect(await page.locator('.small-charts figure').count()).toBe(Object.keys(held).length);
      for (const [gate, value] of Object.entries(held)) {
        await page.locator(`[name=hold-${gate}]`).check();
        await page.locator(`[name=${gate}]`).fill(value);
        await page.locator(`[name=${gate}]`).press('Enter');
      }
      await page.waitForSelector('.gates[data-state=done][data-same=true]', { timeout: 60_000 });
      const [, curves = ''] = (await chartText(page, '.gates .results > .chart .plot')).split('. The LSTM: ');
      const [lstm, other] = curves.replace(/\.$/, '').split(`; ${ancestor}: `);
      expect(lstm).toMatch(/^from \S+ to \S+$/);
      expect(other).toBe(lstm);
      expect(page.url()).toContain(`weights=trained&${new URLSearchParams(held)}`);
      expect(complaints).toEqual([]);
    },
  );

  it('without WebGPU it says so, says who has it, and shows a recorded run', async () => {
    const { page } = await browsing().open('', { webGpu: false });
    await page.getByRole('heading', { name: 'This page needs WebGPU' }).waitFor();
    await page.getByText('Chrome and Edge').waitFor();
    await page.waitForSelector('.plot[aria-label*="Learned, now"]');
    expect(await violations(page)).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('axe finds nothing wrong in any view, %s', async (colorScheme) => {
    const { page, complaints } = await browsing().open('#learn', { colorScheme });
    for (const [view, ready] of VIEWS) {
      await page.getByRole('link', { name: view, exact: true }).click();
      await page.waitForSelector(ready, { timeout: 60_000 });
      expect(await violations(page), view).toEqual([]);
    }
    expect(complaints).toEqual([]);
  });

  it('fits a phone: nothing is wider than its screen', async () => {
    const { page } = await browsing().open('#learn', { viewport: { width: 360, height: 740 } });
    for (const [view, ready] of VIEWS) {
      await page.getByRole('link', { name: view, exact: true }).click();
      await page.waitForSelector(ready, { timeout: 60_000 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth), view).toBe(360);
    }
  });
});
