import type { Browser, Page } from 'playwright-core';
import * as z from 'zod';

const event = z.looseObject({
  name: z.string(),
  ph: z.string(),
  pid: z.number(),
  tid: z.number(),
  ts: z.number().default(0),
  /** Microseconds from start to end; an event that was not over when the tracing ended has none. */
  dur: z.number().optional(),
  /** Microseconds of CPU time of the event's own thread; an event of a microsecond or two may have none. */
  tdur: z.number().optional(),
  args: z
    .looseObject({
      name: z.unknown().optional(),
      data: z.looseObject({ type: z.unknown().optional() }).optional(),
    })
    .partial(),
});

/**
 * CPU time in milliseconds of every task of the page's main thread that began with the first click of `act`, or after it,
 * and was over when `act` was. Not the
 * time that a clock on the wall shows, as PerformanceObserver does: that of a busy machine says more of the machine.
 */
export async function mainThreadTasks(
  browser: Browser,
  page: Page,
  act: () => Promise<void>,
): Promise<number[]> {
  await browser.startTracing(page, { categories: ['devtools.timeline', 'toplevel'] });
  await act();
  const trace: unknown = JSON.parse((await browser.stopTracing()).toString());
  const { traceEvents } = z.object({ traceEvents: z.array(event) }).parse(trace);
  const thread = traceEvents.find(
    ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain',
  );
  const own = traceEvents.filter(({ pid, tid }) => pid === thread?.pid && tid === thread.tid);
  const click = own.find(({ name, args }) => name === 'EventDispatch' && args.data?.type === 'click');
  return own
    .filter(
      ({ name, ph, ts }) => name.endsWith('RunTask') && ph === 'X' && click !== undefined && ts >= click.ts,
    )
    .flatMap(({ dur, tdur }) => (dur === undefined ? [] : (tdur ?? dur) / 1000));
}
