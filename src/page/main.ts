import './style.css';
import 'uplot/dist/uPlot.min.css';
import { addressOf, readAddress, type ViewName } from './address.ts';
import { fill, h } from './dom.ts';
import { Engine } from './engine.ts';
import { restoreScheme, toggleScheme } from './theme.ts';
import { LearnView } from './views/learn.ts';

declare const __VERSION__: string;

const NAMES: Readonly<Partial<Record<ViewName, string>>> = { learn: 'Learn' };

function start(app: Element): void {
  restoreScheme();
  const engine = new Engine();
  const { view, values } = readAddress(location.hash);
  const learn = new LearnView(engine, values, (changed) =>
    history.replaceState(null, '', addressOf('learn', changed)),
  );
  const adapter = h('p', { class: 'adapter' });
  const links = Object.entries(NAMES).map(([name, label]) =>
    h('a', { href: `#${name}`, 'aria-current': name === view ? 'page' : false }, label),
  );
  fill(
    app,
    h(
      'header',
      {},
      h('a', { class: 'brand', href: '#learn' }, 'Coordwise'),
      h('nav', { 'aria-label': 'Views' }, ...links),
      h(
        'button',
        { class: 'plain', onclick: toggleScheme, 'aria-label': 'Switch between light and dark' },
        '◐',
      ),
    ),
    h('main', {}, learn.element),
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
  engine.call('open', null).result.then(
    ({ adapter: { description, kind } }) => {
      const software = kind === 'software' ? ' (software: its times are not a GPU’s)' : '';
      fill(adapter, `Adapter: ${description}${software}`);
      void learn.offerSaved();
    },
    (error: unknown) => fill(adapter, error instanceof Error ? error.message : String(error)),
  );
}

const app = document.querySelector('#app');
if (app) start(app);
