import './style.css';
import 'uplot/dist/uPlot.min.css';
import { addressOf, readAddress, VIEWS, type ViewName } from './address.ts';
import { fill, h } from './dom.ts';
import { Engine } from './engine.ts';
import { restoreScheme, toggleScheme } from './theme.ts';
import { GatesView } from './views/gates.ts';
import { LearnView } from './views/learn.ts';
import { RaceView } from './views/race.ts';

declare const __VERSION__: string;

const LABELS: Readonly<Record<ViewName, string>> = { learn: 'Learn', race: 'Race', gates: 'Gates' };

/** Header, footer and what is between them. */
function frame(app: Element, main: Element, adapter: Element, links: readonly Element[]): void {
  const toggle = { class: 'plain', onclick: toggleScheme, 'aria-label': 'Switch between light and dark' };
  fill(
    app,
    h(
      'header',
      {},
      h('a', { class: 'brand', href: '#learn' }, 'Coordwise'),
      h('nav', { 'aria-label': 'Views' }, ...links),
      h('button', toggle, '◐'),
    ),
    main,
    h(
      'footer',
      {},
      adapter,
      h(
        'p',
        {},
        `Coordwise ${__VERSION__}. Everything runs in this tab, on this device; nothing is sent anywhere.`,
      ),
    ),
  );
}

async function start(app: Element): Promise<void> {
  restoreScheme();
  const adapter = h('p', { class: 'adapter' });
  const main = h('main', {});
  const engine = new Engine();
  try {
    const { description, kind } = (await engine.call('open', null).result).adapter;
    const software = kind === 'software' ? ' (software: its times are not a GPU’s)' : '';
    fill(adapter, `Adapter: ${description}${software}`);
  } catch (error) {
    const { withoutWebGpu } = await import('./views/withoutWebGpu.ts');
    fill(main, await withoutWebGpu(error));
    frame(app, main, adapter, []);
    return;
  }

  /** The address says what the view that is seen has been set to. */
  const say = () => {
    const { view } = readAddress(location.hash);
    history.replaceState(null, '', addressOf(view, views[view].values));
  };
  const learn = new LearnView(engine, say);
  const gates = new GatesView(engine, say);
  const views = { learn, race: new RaceView(engine, say), gates };
  const links = VIEWS.map((name) => h('a', { href: `#${name}` }, LABELS[name]));

  const show = () => {
    const { view, values } = readAddress(location.hash);
    for (const [index, name] of VIEWS.entries()) {
      if (name === view) links[index]?.setAttribute('aria-current', 'page');
      else links[index]?.removeAttribute('aria-current');
    }
    if (values.toString() !== '') views[view].choose(values);
    say();
    fill(main, views[view].element);
    if (view !== 'learn') void views[view].refresh();
  };
  learn.onBest = () => {
    if (readAddress(location.hash).view === 'gates') gates.trainedMore();
  };
  addEventListener('hashchange', show);
  frame(app, main, adapter, links);
  await learn.offerSaved();
  show();
  // At hand before they are needed, when there may be no connection any more; Race says what was wrong.
  await engine.call('weights', null).result.catch(() => {});
}

const app = document.querySelector('#app');
if (app) void start(app);
