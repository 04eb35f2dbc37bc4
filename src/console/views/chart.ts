import { html, type Html } from "./html.ts";
import { showCount, showRate, timeOf } from "./words.ts";
import { sliceOf, thin, type Sample } from "../watch/samples.ts";
import type { Trouble } from "../watch/timeline.ts";

/** What is drawn as one line. The first series has class `s1`, the second `s2`. */
export type Series = { name: string; of: (sample: Sample) => number };

export type ChartRange = { key: string; name: string; ms: number };
export const RANGES: readonly [ChartRange, ...ChartRange[]] = [
  { key: "15m", name: "15 minutes", ms: 15 * 60_000 },
  { key: "3h", name: "3 hours", ms: 3 * 3600_000 },
  { key: "24h", name: "24 hours", ms: 24 * 3600_000 },
];

/** Size of the drawing's own coordinates; the picture is stretched to whatever room there is. */
const WIDTH = 1000;
const HEIGHT = 200;
/** Points of one line. */
const MOST_POINTS = 180;
const TABLE_ROWS = 15;
/** What a young relay has is drawn over its whole life, but at least over this. */
const SHORTEST_MS = 60_000;

/**
 * Lines over time with grid, outages as bands behind them, and the same numbers as a table. An SVG of our own: it is drawn here, so
 * it is there without a script, and assistive technology gets a summary and the table.
 */
// oxlint-disable-next-line max-lines-per-function -- the scales of a drawing stand beside the template that uses them
export function chart(options: {
  id: string;
  title: string;
  /** What the numbers are: a count, or a rate per second. */
  unit: "count" | "rate";
  series: readonly Series[];
  samples: readonly Sample[];
  troubles: readonly Trouble[];
  range: ChartRange;
  now: number;
}): Html {
  const { id, title, series, range, now } = options;
  const span = Math.min(range.ms, Math.max(SHORTEST_MS, now - (options.samples[0]?.at ?? now)));
  const slice = sliceOf(span, MOST_POINTS);
  const samples = thin(options.samples, slice);
  const from = now - span;
  const x = (at: number): number => round(((Math.min(Math.max(at, from), now) - from) / span) * WIDTH);
  const top = axisTop(
    Math.max(0, ...samples.flatMap((it) => series.map(({ of }) => of(it))).filter(isKnown)),
  );
  const y = (value: number): number => round(HEIGHT - (value / top) * HEIGHT);
  const show = options.unit === "rate" ? showRate : showCount;
  const longest = longestGap(range, slice);
  const lines = series.map(({ of }) =>
    pieces(samples, of, longest).map((piece) => piece.map((it) => [x(it.at), y(of(it))] as const)),
  );
  const bands = options.troubles
    .filter(({ to }) => (to ?? now) >= from)
    .map(
      (it) =>
        html`<rect
          class="band ${it.kind}"
          x="${x(it.from)}"
          y="0"
          width="${Math.max(1, x(it.to ?? now) - x(it.from))}"
          height="${HEIGHT}"
        ></rect>`,
    );
  const newest = samples.findLast((it) => !Number.isNaN(it.backlog));
  const legend = series.map(
    ({ name }, i) => html`<li class="s${i + 1}"><span class="key" aria-hidden="true"></span>${name}</li>`,
  );
  const data = JSON.stringify({
    from,
    to: now,
    rate: options.unit === "rate",
    names: series.map(({ name }) => name),
    points: samples
      .filter(({ backlog }) => !Number.isNaN(backlog))
      .map((it) => [it.at, ...series.map(({ of }) => Number(of(it).toFixed(2)))]),
  });
  return html`<figure class="chart" id="chart-${id}" aria-labelledby="chart-${id}-title">
    <figcaption>
      <h3 id="chart-${id}-title">${title}</h3>
      <ul class="legend">
        ${legend}
      </ul>
    </figcaption>
    <div class="plot">
      <div class="yaxis" aria-hidden="true">
        <span>${show(top)}</span><span>${show(top / 2)}</span><span>0</span>
      </div>
      <div class="canvas" data-chart="${data}">
        <svg
          viewBox="0 0 ${WIDTH} ${HEIGHT}"
          preserveAspectRatio="none"
          role="img"
          aria-label="${summaryOf(title, series, samples, range, show)}"
        >
          ${bands}
          <path class="grid" d="M0 ${HEIGHT / 2}H${WIDTH}M0 0H${WIDTH}"></path>
          ${lines.map((parts, i) => [
            i === 0 && html`<path class="area s1" d="${parts.map(areaOf).join("")}"></path>`,
            html`<path class="line s${i + 1}" d="${parts.map(lineOf).join("")}"></path>`,
          ])}
          <path class="base" d="M0 ${HEIGHT}H${WIDTH}"></path>
        </svg>
        ${newest === undefined && html`<p class="empty">The first numbers come in a second.</p>`}
      </div>
      <div class="xaxis" aria-hidden="true">
        ${timeOf(from, "bare")}${timeOf(from + span / 2, "bare")}${timeOf(now, "clock")}
      </div>
    </div>
    <details id="chart-${id}-table">
      <summary>${title} as a table</summary>
      ${tableOf(title, series, options.samples, show)}
    </details>
  </figure>`;
}

/** The lowest of 2, 4, 6, 8, 10, 20 … that is not below: its half is whole too. Pure. */
export function axisTop(highest: number): number {
  if (highest <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(highest));
  const step = [1, 2, 4, 6, 8, 10].find((it) => it * power >= highest && it * power !== 1) ?? 10;
  return step * power;
}

function isKnown(value: number): boolean {
  return !Number.isNaN(value);
}

/** Two samples further apart are not joined: several slices, and more than a minute in the coarse series. */
function longestGap(range: ChartRange, slice: number): number {
  return Math.max(4 * slice, range === RANGES[0] ? 10_000 : 150_000);
}

/** Runs of samples without a hole between them. */
function pieces(samples: readonly Sample[], of: (sample: Sample) => number, longest: number): Sample[][] {
  const all: Sample[][] = [];
  let piece: Sample[] = [];
  for (const sample of samples) {
    const before = piece.at(-1);
    if (Number.isNaN(of(sample)) || (before !== undefined && sample.at - before.at > longest)) {
      if (piece.length > 0) all.push(piece);
      piece = [];
    }
    if (!Number.isNaN(of(sample))) piece.push(sample);
  }
  return piece.length > 0 ? [...all, piece] : all;
}

type Point = readonly [x: number, y: number];

function lineOf(points: readonly Point[]): string {
  return points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x} ${y}`).join("");
}

function areaOf(points: readonly Point[]): string {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return "";
  return `${lineOf(points)}L${last[0]} ${HEIGHT}L${first[0]} ${HEIGHT}Z`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function summaryOf(
  title: string,
  series: readonly Series[],
  samples: readonly Sample[],
  range: ChartRange,
  show: (value: number) => string,
): string {
  const texts = series.map(({ name, of }) => {
    const known = samples.map(of).filter(isKnown);
    const last = known.at(-1);
    return last === undefined
      ? `${name}: nothing known yet`
      : `${name}: now ${show(last)}, at most ${show(Math.max(...known))}`;
  });
  return `${title}, last ${range.name}. ${texts.join("; ")}.`;
}

function tableOf(
  title: string,
  series: readonly Series[],
  samples: readonly Sample[],
  show: (value: number) => string,
): Html {
  const span = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
  const rows = thin(samples, sliceOf(span, TABLE_ROWS)).toReversed();
  return html`<table>
    <caption class="hide">
      ${title}, newest first
    </caption>
    <thead>
      <tr>
        <th scope="col">Until</th>
        ${series.map(({ name }) => html`<th scope="col" class="n">${name}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (it) =>
          html`<tr>
            <th scope="row">${timeOf(it.at)}</th>
            ${series.map(({ of }) => html`<td class="n">${Number.isNaN(of(it)) ? "–" : show(of(it))}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`;
}
