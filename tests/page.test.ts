import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { decodeWeights } from '../src/host/io/weights.ts';
import { browserForThisFile, describeInBrowser } from './support/browser.ts';
import { mainThreadTasks } from './support/mainThread.ts';
import { chartText, inState, SMALL_RUN } from './support/page.ts';

const iteration = async (page: Page) => Number(await page.getAttribute('.learn', 'data-iteration'));

const reached = (page: Page, count: number) =>
  page.waitForFunction(
    (least) => Number(document.querySelector<HTMLElement>('.learn')?.dataset['iteration']) >= least,
    count,
    { timeout: 90_000 },
  );

/** The curves of a run that is done, once Adam and SGD, which are tuned beside it, are drawn too. */
const finalCurves = async (page: Page) => {
  await inState(page, 'learn', 'done');
  expect(await iteration(page)).toBe(60);
  await page.locator('.learn .plot[aria-label*="Adam"][aria-label*="SGD"]').waitFor();
  return chartText(page);
};

describeInBrowser('the page', () => {
  const browsing = browserForThisFile();
  /** The curves at the end of a run that nothing came in the way of. */
  let undisturbed = '';

  it('is small: all its code and styles below 150 KB compressed', () => {
    const assets = join(browsing().folder, 'assets');
    const code = readdirSync(assets).filter((name) => /\.(js|css)$/.test(name));
    const bytes = code.reduce((sum, name) => sum + gzipSync(readFileSync(join(assets, name))).length, 0);
    expect(bytes).toBeGreaterThan(20_000);
    expect(bytes).toBeLessThan(150_000);
  });

  it('asks for a policy that lets nothing in from elsewhere, and has no script inside', () => {
    const html = readFileSync(join(browsing().folder, 'index.html'), 'utf8').replaceAll('&#39;', "'");
    expect(html).toMatch(/Content-Security-Policy" content="default-src 'none'; script-src 'self'/);
    expect(html).not.toContain('unsafe');
    expect(html).not.toMatch(/<script(?![^>]* src=)/);
    expect(html).not.toMatch(/(?:src|href)="\//);
  });

  it('trains on quadratics until the held-out loss is a tenth of what it was, without a long task', async () => {
    const { page, complaints } = await browsing().open(SMALL_RUN);
    const tasks = await mainThreadTasks(browsing().browser, page, async () => {
      await page.click('button.primary');
      await inState(page, 'learn', 'done');
    });
    undisturbed = await finalCurves(page);
    expect(tasks.length).toBeGreaterThan(50);
    expect(tasks.filter((cpuMs) => !(cpuMs <= 50))).toEqual([]);
    const [, start, end] = /Learned, now: from (\S+) to (\d\S*\d)/.exec(undisturbed) ?? [];
    expect(Number(start)).toBeGreaterThan(0);
    expect(Number(end)).toBeGreaterThan(0);
    expect(Number(end)).toBeLessThan(Number(start) / 10);
    expect(complaints).toEqual([]);
  });

  it('pauses; left and opened again, it offers to go on, and ends as if it had not been left', async () => {
    const { page, context } = await browsing().open(SMALL_RUN);
    await page.click('button.primary');
    await reached(page, 10);
    await page.click('button.primary');
    await inState(page, 'learn', 'paused');
    expect(await iteration(page)).toBeGreaterThanOrEqual(10);
    expect(await iteration(page)).toBeLessThan(60);
    await page.close();

    const again = await browsing().openIn(context, '');
    await again.page.getByRole('button', { name: 'Resume it' }).click();
    expect(await finalCurves(again.page)).toBe(undisturbed);
    expect(again.complaints).toEqual([]);
    await again.page.close();

    const later = await browsing().openIn(context, '#race');
    await later.page.getByLabel('l2l, trained here', { exact: true }).waitFor();
    expect(await later.page.getByRole('button', { name: 'Resume it' }).count()).toBe(0);
  });

  it('a device that is lost in mid-run is opened again, and the run ends with the same bits', async () => {
    const { page } = await browsing().open(SMALL_RUN);
    await page.click('button.primary');
    await reached(page, 10);
    const [worker] = page.workers();
    await worker?.evaluate(() => {
      const { createCommandEncoder } = GPUDevice.prototype;
      GPUDevice.prototype.createCommandEncoder = function (descriptor) {
        GPUDevice.prototype.createCommandEncoder = createCommandEncoder;
        this.destroy();
        return createCommandEncoder.call(this, descriptor);
      };
    });
    await page.getByText('The GPU went away and came back').waitFor();
    expect(await finalCurves(page)).toBe(undisturbed);
  });

  it('memory that runs out is one sentence, and the run goes on from its last state when there is some again', async () => {
    const { page } = await browsing().open(SMALL_RUN);
    await page.click('button.primary');
    await reached(page, 10);
    const [worker] = page.workers();
    // As a driver does it that runs out in the middle of something: an error that no scope is there to catch.
    await worker?.evaluate(() => {
      const { createCommandEncoder } = GPUDevice.prototype;
      GPUDevice.prototype.createCommandEncoder = function (descriptor) {
        GPUDevice.prototype.createCommandEncoder = createCommandEncoder;
        const error = new GPUOutOfMemoryError('nothing left');
        this.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }));
        return createCommandEncoder.call(this, descriptor);
      };
    });
    await page.getByText('memory ran out on the way; the run went on from meta-iteration').waitFor();
    await page.click('button.primary');
    await inState(page, 'learn', 'paused');
    const paused = await iteration(page);
    // And as it refuses what is asked for.
    await worker?.evaluate(() => {
      const { pushErrorScope, popErrorScope } = GPUDevice.prototype;
      const scopes: GPUErrorFilter[] = [];
      GPUDevice.prototype.pushErrorScope = function (filter) {
        scopes.push(filter);
        return pushErrorScope.call(this, filter);
      };
      GPUDevice.prototype.popErrorScope = async function () {
        const error = await popErrorScope.call(this);
        return scopes.pop() === 'out-of-memory' ? new GPUOutOfMemoryError('nothing left') : error;
      };
      Object.assign(globalThis, {
        refill: () => Object.assign(GPUDevice.prototype, { pushErrorScope, popErrorScope }),
      });
    });
    await page.getByRole('button', { name: 'Resume' }).click();
    const alert = await page.getByRole('alert').textContent();
    expect(alert).toMatch(/^the device ran out of memory while .*: nothing left\. To go on: use fewer tasks/);
    await inState(page, 'learn', 'paused');
    expect(await iteration(page)).toBe(paused);
    await worker?.evaluate(() => (globalThis as unknown as { refill(): void }).refill());
    await page.getByRole('button', { name: 'Resume' }).click();
    expect(await finalCurves(page)).toBe(undisturbed);
  });

  it('stops: what was learned stays, and can be saved', async () => {
    const { page, complaints } = await browsing().open(SMALL_RUN);
    await page.click('button.primary');
    await reached(page, 5);
    await page.getByRole('button', { name: 'Stop' }).click();
    await inState(page, 'learn', 'done');
    expect(await iteration(page)).toBeLessThan(60);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save the weights' }).click(),
    ]);
    const { optimizer, training } = decodeWeights(readFileSync(await download.path()), 'saved');
    expect(optimizer).toMatchObject({ kind: 'l2l', hidden: 4 });
    expect(training.iteration).toBeLessThan(60);
    expect(complaints).toEqual([]);
  });

  it('trains on few-shot characters, which are loaded when they are needed', async () => {
    const settings = 'task=glyphs&optimizer=meta-lstm&hidden=2&tasks=2';
    const { page, complaints } = await browsing().open(`#learn?${settings}`);
    const loaded = page.waitForRequest(/glyphs-[^/]*\.bin$/);
    await page.click('button.primary');
    await loaded;
    await reached(page, 1);
    expect(await chartText(page)).toMatch(/Learned, now: from 1\.6\d* to \d/);
    expect(complaints).toEqual([]);
  });
});
