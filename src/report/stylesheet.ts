/** The report's one stylesheet. The variables are those that THEMES.page of style.ts refers to. */
export const STYLESHEET = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --muted: #5c6570; --line: #dfe3e7; --grid: #e9ebee; --axis: #aeb5bd;
  --wash: #f6f7f8; --shade: rgb(0 0 0 / 0.14); --blue: #0072B2; --focus: #D55E00;
  --sans: Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  --serif: Charter, 'Bitstream Charter', 'Iowan Old Style', 'Palatino Linotype', Palatino, Georgia, serif;
  --mono: ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161b; --ink: #e8eaed; --muted: #9aa4b0; --line: #2c333c; --grid: #272d35; --axis: #56606c;
    --wash: #191e25; --shade: rgb(0 0 0 / 0.6); --blue: #3394D6;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 var(--sans);
  font-feature-settings: 'kern', 'liga'; overflow-wrap: break-word;
}
.sheet { max-width: 56rem; margin: 0 auto; padding: clamp(2rem, 7vw, 5.5rem) clamp(1.125rem, 4vw, 2.5rem); }
h1, h2, .verdict { font-family: var(--serif); text-wrap: balance; }
h1 { font-size: clamp(1.75rem, 1.2rem + 2.4vw, 2.75rem); line-height: 1.15; font-weight: 600;
  letter-spacing: -0.015em; margin: 0.35rem 0 0; }
h2 { font-size: 1.5rem; line-height: 1.25; font-weight: 600; letter-spacing: -0.01em; margin: 0 0 0.75rem; }
h3 { font-size: 0.9375rem; font-weight: 600; margin: 2.25rem 0 0.5rem; }
p { margin: 0 0 1rem; max-width: 42rem; text-wrap: pretty; }
.kind { color: var(--muted); font-size: 0.875rem; margin: 0; }
.verdict { font-size: clamp(1.125rem, 1rem + 0.7vw, 1.375rem); line-height: 1.5; margin: 1.25rem 0 0; max-width: 40rem;
  text-wrap: pretty; }
.facts { color: var(--muted); font-size: 0.875rem; margin: 1.5rem 0 0; max-width: none; }
section { margin-top: clamp(3rem, 7vw, 4.75rem); }
figure { margin: 1.75rem 0 0; }
figcaption, .caption { color: var(--muted); font-size: 0.875rem; line-height: 1.55; margin-top: 0.75rem; max-width: 42rem; }
figcaption b, .caption b { color: var(--ink); font-weight: 600; }
figure svg { display: block; width: 100%; height: auto; font-family: var(--sans);
  font-variant-numeric: tabular-nums; }
figure svg.narrow { display: none; }
.legend { display: none; list-style: none; margin: 0.75rem 0 0; padding: 0; font-size: 0.875rem;
  flex-wrap: wrap; gap: 0.25rem 1.25rem; }
.legend li { display: flex; align-items: center; gap: 0.5rem; }
svg.swatch, figure svg.swatch { display: inline-block; width: 30px; height: 10px; flex: none; vertical-align: middle; }
.scroll { overflow-x: auto; margin-top: 1.75rem; background:
  linear-gradient(to right, var(--paper) 2rem, transparent) left / 4rem 100% no-repeat local,
  linear-gradient(to left, var(--paper) 2rem, transparent) right / 4rem 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) left / 0.75rem 100% no-repeat scroll,
  linear-gradient(to left, var(--shade), transparent) right / 0.75rem 100% no-repeat scroll; }
.scroll:focus-visible, pre:focus-visible, summary:focus-visible { outline: 2px solid var(--focus); outline-offset: 3px; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; line-height: 1.45;
  font-variant-numeric: tabular-nums; }
th, td { padding: 0.55rem 0 0.55rem 1.5rem; text-align: right; vertical-align: baseline; white-space: nowrap;
  font-weight: 400; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th.text, td.text { text-align: left; }
td.text, tbody th.text { white-space: normal; min-width: 9rem; }
thead th { color: var(--muted); font-size: 0.8125rem; border-bottom: 1px solid var(--axis); vertical-align: bottom; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 1px solid var(--axis); }
tr.learned th, tr.learned td:not(.text) { font-weight: 650; }
tbody th svg.swatch { margin-right: 0.7rem; position: relative; top: -1px; }
.note { color: var(--muted); display: block; }
details { margin-top: 1.5rem; }
summary { cursor: pointer; color: var(--muted); font-size: 0.875rem; width: fit-content; }
summary:hover { color: var(--ink); }
details .scroll { margin-top: 0.75rem; }
dl { display: grid; grid-template-columns: 13rem 1fr; margin: 0; font-size: 0.875rem;
  font-variant-numeric: tabular-nums; border-top: 1px solid var(--line); }
dt, dd { margin: 0; padding: 0.45rem 0; border-bottom: 1px solid var(--line); }
dt { color: var(--muted); padding-right: 2rem; }
dd { min-width: 0; }
pre { background: var(--wash); border: 1px solid var(--line); border-radius: 6px; padding: 0.9rem 1.1rem; margin: 0;
  overflow-x: auto; font: 0.8125rem/1.6 var(--mono); white-space: pre; overflow-wrap: normal; }
footer { margin-top: clamp(3rem, 7vw, 4.75rem); padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--muted); font-size: 0.8125rem; }
footer p { margin: 0; }
@media (max-width: 44rem) {
  figure svg.wide { display: none; }
  figure svg.narrow { display: block; }
  .legend { display: flex; }
  th, td { padding-left: 1rem; }
  td.text { min-width: 13rem; }
  dl { grid-template-columns: 1fr; }
  dt { border-bottom: 0; padding-bottom: 0; }
  dd { padding-top: 0.1rem; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --muted: #444; --line: #ccc; --grid: #e5e5e5; --axis: #888; --wash: #fff; }
  .sheet { padding: 0; }
  figure, table, dl { break-inside: avoid; }
}
`.trim();
