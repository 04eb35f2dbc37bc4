/** A line plot. `steps`: values 0, 1, 2 … with a label each. `log`: positive values. */
export type Plot = {
  title: string;
  x: { kind: "steps"; labels: readonly string[] } | { kind: "log"; title: string };
  /** What the values are. */
  y: string;
  /** A level that all lines are compared with. */
  level?: { y: number; text: string };
  series: readonly Series[];
};

export type Series = { name: string; points: readonly { x: number; y: number }[] };

const [WIDTH, HEIGHT] = [760, 380];
const FRAME = { left: 70, right: 230, top: 44, bottom: 56 };
const RIGHT = WIDTH - FRAME.right;
const BOTTOM = HEIGHT - FRAME.bottom;
/** Told apart by people who see fewer colours, too (Okabe and Ito). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
/** Labels of steps that fit side by side. */
const LABELS = 8;

type Axis = { at: (value: number) => number; ticks: { value: number; text: string }[] };

/** The picture, an SVG document that needs nothing else. Pure. */
export function plotSvg(plot: Plot): string {
  const [x, y] = [xAxis(plot), yAxis(plot)];
  const parts = [
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text({ x: FRAME.left, y: 22, size: 15 }, plot.title),
    text({ x: FRAME.left, y: 38, fill: "#555" }, plot.y),
    ...y.ticks.flatMap(({ value, text: label }) => [
      `<path d="M${FRAME.left} ${round(y.at(value))}H${RIGHT}" stroke="#ddd"/>`,
      text({ x: FRAME.left - 8, y: y.at(value) + 4, anchor: "end" }, label),
    ]),
    ...x.ticks.map(({ value, text: label }) =>
      text({ x: x.at(value), y: BOTTOM + 20, anchor: "middle" }, label),
    ),
    ...(plot.x.kind === "log"
      ? [text({ x: (FRAME.left + RIGHT) / 2, y: BOTTOM + 42, anchor: "middle", fill: "#555" }, plot.x.title)]
      : []),
    ...(plot.level === undefined ? [] : level(plot.level, y)),
    ...plot.series.flatMap((series, i) => lines(series, i, x, y)),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">\n${parts.join("\n")}\n</svg>\n`;
}

function lines({ name, points }: Series, index: number, x: Axis, y: Axis): string[] {
  const colour = COLOURS[index % COLOURS.length] ?? "#000";
  const sorted = points.toSorted((a, b) => a.x - b.x);
  const places = sorted.map((point) => `${round(x.at(point.x))},${round(y.at(point.y))}`);
  const legend = FRAME.top + 10 + index * 20;
  return [
    `<polyline points="${places.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...places.map((place) => {
      const [cx, cy] = place.split(",");
      return `<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour}"/>`;
    }),
    `<rect x="${RIGHT + 16}" y="${legend - 9}" width="12" height="10" fill="${colour}"/>`,
    text({ x: RIGHT + 34, y: legend }, name),
  ];
}

function level({ y, text: label }: { y: number; text: string }, axis: Axis): string[] {
  const at = round(axis.at(y));
  return [
    `<path d="M${FRAME.left} ${at}H${RIGHT}" stroke="#555" stroke-dasharray="5 4"/>`,
    text({ x: FRAME.left + 4, y: at - 4, fill: "#555" }, label),
  ];
}

function xAxis({ x, series }: Plot): Axis {
  const width = RIGHT - FRAME.left;
  if (x.kind === "steps") {
    const step = width / x.labels.length;
    const every = Math.ceil(x.labels.length / LABELS);
    return {
      at: (value) => FRAME.left + (value + 0.5) * step,
      ticks: x.labels
        .map((label, value) => ({ value, text: label }))
        .filter(({ value }) => (x.labels.length - 1 - value) % every === 0),
    };
  }
  const values = [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))];
  const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  const span = high > low ? high - low : 1;
  const inner = width * 0.9;
  return {
    at: (value) => FRAME.left + width * 0.05 + ((Math.log(value) - low) / span) * inner,
    ticks: values.map((value) => ({ value, text: value.toLocaleString("en") })),
  };
}

/** From 0 to a round number above the largest value. */
function yAxis({ series, level: line }: Plot): Axis {
  const values = series.flatMap(({ points }) => points.map(({ y }) => y));
  const step = roundStep(Math.max(...values, line?.y ?? 0, Number.MIN_VALUE) / 4);
  const steps = Math.max(1, Math.ceil(Math.max(...values, line?.y ?? 0) / step - 1e-9));
  return {
    at: (value) => BOTTOM - (value / (step * steps)) * (BOTTOM - FRAME.top),
    ticks: Array.from({ length: steps + 1 }, (_, i) => {
      const value = Number((i * step).toPrecision(6));
      return { value, text: value.toLocaleString("en") };
    }),
  };
}

/** 1, 2 or 5 times a power of ten, at least the least. Pure. */
export function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((it) => it * power >= least * (1 - 1e-9)) ?? 10;
  return factor * power;
}

function text(
  { x, y, anchor, fill, size }: { x: number; y: number; anchor?: string; fill?: string; size?: number },
  content: string,
): string {
  const more = [
    anchor === undefined ? "" : ` text-anchor="${anchor}"`,
    fill === undefined ? "" : ` fill="${fill}"`,
    size === undefined ? "" : ` font-size="${size}"`,
  ].join("");
  return `<text x="${round(x)}" y="${round(y)}"${more}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const round = (value: number): number => Number(value.toFixed(1));
