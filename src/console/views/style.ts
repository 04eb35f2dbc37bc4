/**
 * How the page looks: the reader's own fonts, one accent, colours for states only, figures of one width. Both schemes keep a contrast of
 * 4.5 : 1 for text and 3 : 1 for shapes (test/page checks the first). A string, because the build copies no other files.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --ink: #15191e; --quiet: #56606b; --line: #dde1e6; --edge: #868f99;
  --accent: #0b5cad; --on-accent: #ffffff; --second: #9a4b00; --hover: #eef1f4;
  --good: #14703a; --good-bg: #e6f4ea; --wait: #825500; --wait-bg: #fdf3d8; --bad: #b3261e; --bad-bg: #fdeceb;
  --radius: 10px;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1216; --card: #171b21; --ink: #e7eaee; --quiet: #9ba6b2; --line: #2a3038; --edge: #6b7682;
    --accent: #6db3ff; --on-accent: #06182b; --second: #f2a65a; --hover: #20262e;
    --good: #62cf8b; --good-bg: #12291b; --wait: #e8bd55; --wait-bg: #2c2410; --bad: #ff8a80; --bad-bg: #341613;
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%; }
h1, h2, h3, p, dl, dd, ol, ul, figure { margin: 0; padding: 0; }
ol, ul { list-style: none; }
h1 { font-size: 1.45rem; line-height: 1.25; font-weight: 650; letter-spacing: -.01em; }
h2 { font-size: 1.05rem; font-weight: 650; }
h3 { font-size: .95rem; font-weight: 600; }
a { color: var(--accent); text-underline-offset: .15em; text-decoration-thickness: 1px; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
main:focus, .notice:focus { outline: none; }
code, pre, .id { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .92em; }
.id, code { overflow-wrap: anywhere; }
.quiet, .note, .more, .crumb { color: var(--quiet); }
.hide { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: 1rem; top: -4rem; background: var(--card); padding: .5rem 1rem; z-index: 2; }
.skip:focus { top: .5rem; }
.top { background: var(--card); border-bottom: 1px solid var(--line); }
.bar, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.5rem; min-height: 3.5rem; }
.name { display: flex; align-items: center; gap: .55rem; font-weight: 700; color: var(--ink); text-decoration: none; letter-spacing: -.01em; }
.dot { width: .7rem; height: .7rem; border-radius: 50%; background: var(--edge); }
.dot.good { background: var(--good); } .dot.wait { background: var(--wait); } .dot.bad { background: var(--bad); }
nav ul { display: flex; gap: .25rem; }
nav li a { white-space: nowrap; display: block; padding: .95rem .6rem .8rem; color: var(--quiet); text-decoration: none; border-bottom: 3px solid transparent; }
nav li a:hover { color: var(--ink); }
nav li a[aria-current] { color: var(--ink); font-weight: 600; border-color: var(--accent); }
.count { display: inline-block; min-width: 1.5em; padding: 0 .45em; border-radius: 1em; background: var(--bad-bg); color: var(--bad); font-size: .8rem; font-weight: 600; text-align: center; }
.who { margin-left: auto; font-size: .87rem; overflow-wrap: anywhere; }
main { padding-top: 1.25rem; padding-bottom: 2rem; display: grid; gap: 1.5rem; grid-template-columns: minmax(0, 1fr); }
footer { padding-top: .9rem; padding-bottom: 2rem; color: var(--quiet); font-size: .87rem; display: flex; flex-wrap: wrap; gap: .25rem 2rem; justify-content: space-between; }
.lost, .notice { padding: .7rem 1rem; border-radius: var(--radius); border: 1px solid; }
.lost { max-width: 73.5rem; margin: 1rem auto 0; }
.lost, .notice.bad { background: var(--bad-bg); color: var(--bad); }
.notice.good { background: var(--good-bg); color: var(--good); }
.lost[hidden] { display: none; }
.where { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .25rem 1rem; font-size: .9rem; } .where + * { margin-top: -.75rem; } h1.id { font-size: 1.2rem; }
.mini { margin-left: auto; } .mini a { color: inherit; } .mini.good { color: var(--good); } .mini.wait { color: var(--wait); } .mini.bad { color: var(--bad); }
.banner { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .75rem 1.5rem; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--edge); border-radius: var(--radius); }
.banner h2 { font-size: 1.35rem; letter-spacing: -.01em; line-height: 1.3; }
.banner .text { flex: 1 1 20rem; min-width: 0; overflow-wrap: anywhere; }
.banner.good { border-left-color: var(--good); } .banner.good h2 { color: var(--good); }
.banner.wait { border-left-color: var(--wait); background: var(--wait-bg); } .banner.wait h2 { color: var(--wait); }
.banner.bad { border-left-color: var(--bad); background: var(--bad-bg); } .banner.bad h2 { color: var(--bad); }
.banner.wait .quiet, .banner.bad .quiet { color: inherit; }
.button, button { display: inline-block; font: inherit; font-weight: 550; padding: .38rem .85rem; border-radius: 7px; border: 1px solid var(--edge); background: var(--card); color: var(--ink); text-decoration: none; cursor: pointer; white-space: nowrap; }
.button:hover { background: var(--hover); }
.button.main { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.button.main:hover { filter: brightness(1.08); }
.numbers { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); background: var(--line); gap: 1px; border: 1px solid var(--line); border-radius: var(--radius); overflow: hidden; }
.numbers > div { background: var(--card); padding: .8rem 1rem; min-width: 0; }
.numbers dt { color: var(--quiet); font-size: .87rem; }
.numbers .value { font-size: 1.6rem; line-height: 1.25; font-weight: 600; letter-spacing: -.015em; white-space: nowrap; }
.numbers .note { font-size: .82rem; }
.numbers .alarm .value { color: var(--bad); }
.heading { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: .25rem 1rem; margin-bottom: .6rem; }
main > section:empty { display: none; }
section > h2 { margin-bottom: .6rem; }
.tabs { display: flex; gap: .25rem; font-size: .9rem; }
.tabs a { display: block; padding: .2rem .6rem; border-radius: 6px; color: var(--quiet); text-decoration: none; }
.tabs a:hover { background: var(--hover); color: var(--ink); }
.tabs a[aria-current] { background: var(--hover); color: var(--ink); font-weight: 600; box-shadow: inset 0 0 0 1px var(--line); }
.charts { display: grid; grid-template-columns: 1.25fr 1.25fr 1fr; gap: 1rem; }
.chart { background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); padding: .85rem 1rem; min-width: 0; }
.chart figcaption { margin-bottom: .7rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0 1rem; font-size: .87rem; color: var(--quiet); }
.legend .key { display: inline-block; width: 1.1rem; height: 0; border-top: 3px solid var(--accent); vertical-align: middle; margin-right: .35rem; }
.legend .s2 .key { border-top: 3px dashed var(--second); }
.plot { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .25rem .5rem; font-size: .78rem; color: var(--quiet); }
.yaxis { display: flex; flex-direction: column; justify-content: space-between; text-align: right; margin: -.6em 0; min-width: 2.4rem; }
.xaxis { grid-column: 2; display: flex; justify-content: space-between; }
.canvas { position: relative; height: 9.5rem; }
.canvas svg { display: block; width: 100%; height: 100%; overflow: visible; }
.canvas .empty { position: absolute; inset: 0; display: grid; place-items: center; padding: 0; border: 0; background: none; }
.line, .grid, .base { fill: none; vector-effect: non-scaling-stroke; }
.line { stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
.line.s2 { stroke: var(--second); stroke-dasharray: 5 3; }
.area { fill: var(--accent); opacity: .12; }
.grid { stroke: var(--line); } .base { stroke: var(--edge); }
.band { fill: var(--bad); opacity: .16; } .band.paused { fill: var(--wait); }
.readout { position: absolute; top: 0; bottom: 0; border-left: 1px solid var(--edge); pointer-events: none; }
.readout span { position: absolute; left: .5rem; top: 0; padding: .25rem .5rem; white-space: pre; background: var(--card); color: var(--ink); border: 1px solid var(--edge); border-radius: 6px; }
.readout.left span { left: auto; right: .5rem; }
details { margin-top: .5rem; font-size: .85rem; } summary { cursor: pointer; color: var(--quiet); width: fit-content; }
.timeline { display: grid; gap: 0; background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); }
.timeline li { padding: .65rem 1rem .65rem 2.2rem; border-top: 1px solid var(--line); position: relative; display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.2fr); gap: 0 1rem; }
.timeline li:first-child { border-top: 0; }
.timeline li::before { content: ""; position: absolute; left: 1rem; top: 1.1rem; width: .65rem; height: .65rem; border-radius: 50%; border: 2px solid var(--bad); }
.timeline .paused::before { border-color: var(--wait); } .timeline .lasting::before { background: var(--bad); } .timeline .paused.lasting::before { background: var(--wait); }
.timeline .what { grid-column: 1; } .timeline .quiet { grid-column: 1; font-size: .87rem; }
.timeline .why { grid-column: 2; grid-row: 1 / span 2; align-self: center; overflow-wrap: anywhere; font-size: .92rem; }
.timeline .length { color: var(--quiet); margin-left: .35rem; } .timeline .lasting .length { color: var(--bad); font-weight: 600; } .timeline .paused.lasting .length { color: var(--wait); }
.checks li { padding-left: 1rem; } .checks li::before { display: none; } .checks .why { grid-row: 1; }
.scroll { overflow-x: auto; position: relative; background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: baseline; padding: .5rem .75rem; border-top: 1px solid var(--line); font-weight: 400; }
thead th { border-top: 0; color: var(--quiet); font-size: .85rem; white-space: nowrap; }
tbody tr:hover { background: var(--hover); }
th:first-child { padding-left: 1rem; } td:last-child { padding-right: 1rem; }
.n { text-align: right; white-space: nowrap; } .act { text-align: right; padding-top: .3rem; padding-bottom: .3rem; } .act .button, .acts .button { padding: .15rem .65rem; font-size: .9rem; }
tbody .id { min-width: 8rem; max-width: 20rem; } .age { white-space: nowrap; } .why { overflow-wrap: anywhere; min-width: 10rem; }
details table { margin-top: .35rem; } details th, details td { padding: .15rem .4rem; } details th:first-child { padding-left: 0; }
.chip { display: inline-block; padding: .05rem .55rem; border-radius: 1em; font-size: .85rem; white-space: nowrap; background: var(--hover); color: var(--quiet); }
.chip.parked, .chip.dead, .chip.dropped, .chip.fail { background: var(--bad-bg); color: var(--bad); font-weight: 600; } .chip.paused, .chip.retrying, .chip.pending, .chip.warn { background: var(--wait-bg); color: var(--wait); font-weight: 600; }
.chip.sending, .chip.delivered, .chip.ok { background: var(--good-bg); color: var(--good); }
.empty { padding: 1.1rem 1rem; background: var(--card); border: 1px dashed var(--line); border-radius: var(--radius); color: var(--quiet); }
.empty.bad { color: var(--bad); background: var(--bad-bg); border-style: solid; border-color: var(--bad); }
.more { padding-top: .5rem; font-size: .9rem; }
.search { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; }
.search .pair { display: inline-flex; gap: .75rem; align-items: center; max-width: 100%; }
input[type=search], input[type=password], input[type=datetime-local], input:not([type]) { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--edge); border-radius: 7px; padding: .38rem .6rem; width: 20rem; max-width: 100%; }
::placeholder { color: var(--quiet); opacity: 1; }
input[type=datetime-local] { width: auto; }
.question + .question { margin-top: 1rem; } .question .buttons { margin-top: .6rem; }
#letters > * + *, #sessions > * + *, #agents > * + *, #events > * + * { margin-top: .6rem; }
.pager { display: flex; gap: .75rem; } .pager:empty { display: none; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .4rem 1.25rem; padding: 1rem; background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); }
.facts dt { color: var(--quiet); } .facts dd { overflow-wrap: anywhere; } .facts .reason { white-space: pre-wrap; font-weight: 600; color: var(--bad); }
.body { margin: 0; padding: 1rem; max-height: 32rem; overflow: auto; background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); white-space: pre-wrap; overflow-wrap: anywhere; }
.confirm { display: grid; gap: 1rem; max-width: 34rem; } .confirm .text { display: grid; gap: .75rem; overflow-wrap: anywhere; }
.confirm .facts { padding: .75rem; background: var(--paper); } .confirm h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
.confirm form { display: grid; gap: 1rem; } .field label { display: block; margin-bottom: .2rem; } .field input:not([type=checkbox]) { width: 100%; }
.check { display: flex; gap: .5rem; align-items: baseline; } .warn { color: var(--wait); font-weight: 600; }
.buttons { display: inline-flex; flex-wrap: wrap; gap: .5rem; justify-content: flex-end; } .confirm .buttons { display: flex; gap: .75rem; }
.links { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; } thead a { color: inherit; }
main > .confirm { background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); padding: 1.25rem; }
#problem { display: grid; gap: .75rem; padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--bad); border-radius: var(--radius); overflow-wrap: anywhere; }
dialog { border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem; background: var(--card); color: var(--ink); width: min(36rem, calc(100vw - 2rem)); box-shadow: 0 12px 40px rgb(0 0 0 / .3); }
dialog::backdrop { background: rgb(8 12 16 / .55); }
@media (min-width: 68rem) { .event { white-space: nowrap; } }
@media (max-width: 68rem) { .charts { grid-template-columns: 1fr 1fr; } .charts > :last-child { grid-column: 1 / -1; } .numbers { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
@media (max-width: 44rem) {
  .bar, main, footer { padding-left: .9rem; padding-right: .9rem; }
  .bar { padding-top: .6rem; } .who { margin-left: 0; width: 100%; order: 2; } nav { order: 3; margin-left: -.4rem; } nav ul { flex-wrap: wrap; gap: 0; } nav li a { padding: .5rem .4rem; }
  .charts { grid-template-columns: minmax(0, 1fr); } .numbers { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .wide, .stack tbody .wide { display: none; } .timeline li { grid-template-columns: minmax(0, 1fr); } .timeline .why { grid-column: 1; grid-row: auto; }
  .stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stack tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: .15rem .9rem; padding: .65rem .9rem; border-top: 1px solid var(--line); position: relative; }
  .stack tbody tr:first-child { border-top: 0; } .stack tbody th, .stack tbody td { display: block; border: 0; padding: 0; text-align: left; min-width: 0; }
  .stack tbody th { width: 100%; padding-right: 6.5rem; min-height: 1.9rem; } .stack .why { width: 100%; } .stack .why:empty, .stack .none { display: none; }
  .stack [data-label]::before { content: attr(data-label) " "; color: var(--quiet); font-family: system-ui, sans-serif; }
  .stack .acts { width: 100%; }
  .stack .act { position: absolute; right: .9rem; top: .55rem; }
  .facts { grid-template-columns: minmax(0, 1fr); gap: 0; } .facts dd { margin-bottom: .5rem; }
}
@media (prefers-reduced-motion: no-preference) { .button, nav li a { transition: background-color .12s, border-color .12s; } }
@media (forced-colors: active) { .line { stroke: LinkText; } .line.s2 { stroke: CanvasText; } .chip, .count { border: 1px solid; } .dot { border: 1px solid; } }
@media print { .button, .search, nav, .skip { display: none; } }
`;

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5cad"/><path d="M7 10h11M7 16h18M7 22h7" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>
`;
