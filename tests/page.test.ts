import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { browserForThisFile, describeInBrowser } from './support/browser.ts';
import { mainThreadTasks } from './support/mainThread.ts';
import { chartText, inState, SMALL_RUN } from './support/page.ts';

const iteration = async (page: Page) => Number(await page.getAttribute('.learn', 'data-iteration'));

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
    expect(tasks.length).toBeGreaterThan(50);
    expect(tasks.filter((cpuMs) => !(cpuMs <= 50))).toEqual([]);
    const [, start, end] = /Learned, now: from (\S+) to (\S+?)[;.]/.exec(await chartText(page)) ?? [];
    expect(Number(start)).toBeGreaterThan(0);
    expect(Number(end)).toBeLessThan(Number(start) / 10);
    expect(await iteration(page)).toBe(60);
    undisturbed = await chartText(page);
    expect(complaints).toEqual([]);
  });

  it('pauses; left and opened again, it offers to go on, and ends as if it had not been left', async () => {
    const { page, context } = await browsing().open(SMALL_RUN);
    await page.click('button.primary');
    await page.waitForFunction(
      () => Number(document.querySelector<HTMLElement>('.learn')?.dataset['iteration']) >= 10,
    );
    await page.click('button.primary');
    await inState(page, 'learn', 'paused');
    const reached = await iteration(page);
    expect(reached).toBeGreaterThanOrEqual(10);
    expect(reached).toBeLessThan(60);
    await page.close();

    const again = await browsing().openIn(context, '');
    await again.page.getByRole('button', { name: 'Resume it' }).click();
    await inState(again.page, 'learn', 'done');
    expect(await iteration(again.page)).toBe(60);
    expect(await chartText(again.page)).toBe(undisturbed);
    expect(again.complaints).toEqual([]);
  });

  it('a device that is lost in mid-run is opened again, and the run ends with the same bits', async () => {
    const { page } = await browsing().open(SMALL_RUN);
    await page.click('button.primary');
    await page.waitForFunction(
      () => Number(document.querySelector<HTMLElement>('.learn')?.dataset['iteration']) >= 10,
    );
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
    await inState(page, 'learn', 'done');
    expect(await iteration(page)).toBe(60);
    expect(await chartText(page)).toBe(undisturbed);
  });
});
