import { describe, expect, it } from 'vitest';
import { SubmitPace } from '../src/host/gpu/pace.ts';
import { Trainer } from '../src/host/meta/trainer.ts';
import { openNodeContext } from '../src/node/adapter.ts';
import { smallConfig } from './support/training.ts';

describe('the pace of submits', () => {
  it('fits as many dispatches as the time allows, and believes the slowest for a while', () => {
    const pace = new SubmitPace(20);
    pace.learn(100, 100);
    expect(pace.dispatches).toBe(20);
    pace.learn(100, 10);
    expect(pace.dispatches).toBe(25);
    for (let i = 0; i < 20; i++) pace.learn(100, 10);
    expect(pace.dispatches).toBe(200);
    pace.learn(1, 1000);
    expect(pace.dispatches).toBe(4);
  });

  it('changes no bit of a meta-step', async () => {
    const run = async (submitMs?: number) => {
      const context = await openNodeContext(undefined, submitMs === undefined ? {} : { submitMs });
      const trainer = new Trainer(context, smallConfig(), undefined);
      let submits = 0;
      const { queue } = context.device;
      const own = queue.submit.bind(queue);
      queue.submit = (buffers) => {
        submits++;
        return own(buffers);
      };
      try {
        await trainer.prepare();
        for (let i = 0; i < 3; i++) await trainer.submit(i).read();
        const { phi } = await trainer.readState();
        return { phi: [...phi], submits };
      } finally {
        trainer.destroy();
        context.destroy();
      }
    };
    const whole = await run();
    const paced = await run(0.001);
    expect(paced.phi).toEqual(whole.phi);
    expect(paced.submits).toBeGreaterThan(whole.submits + 10);
  });
});
