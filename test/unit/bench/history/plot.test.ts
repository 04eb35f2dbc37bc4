import { describe, expect, test } from "vitest";
import { plotSvg, roundStep, type Plot } from "../../../../bench/history/plot.ts";

const PLOT: Plot = {
  title: "Rate <over> size",
  x: { kind: "log", title: "events" },
  y: "events per second",
  series: [
    {
      name: "1 & 2",
      points: [
        { x: 1_000_000, y: 400 },
        { x: 10_000, y: 100 },
        { x: 100_000, y: 200 },
      ],
    },
    { name: "none of it", points: [{ x: 10_000, y: 0 }] },
  ],
};

/** Points of the lines, as numbers. */
function pointsIn(svg: string): { x: number; y: number }[][] {
  return [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points = ""]) =>
    points.split(" ").map((point) => {
      const [x = NaN, y = NaN] = point.split(",").map(Number);
      return { x, y };
    }),
  );
}

describe("plotSvg", () => {
  test("draws each series from left to right, equal factors equally wide, and 0 at the bottom", () => {
    const [line = [], zero = []] = pointsIn(plotSvg(PLOT));
    const [a, b, c] = line;
    if (a === undefined || b === undefined || c === undefined) throw new Error("three points are missing");
    expect(b.x - a.x).toBeGreaterThan(0);
    expect(c.x - b.x).toBeCloseTo(b.x - a.x, 0);
    const bottom = zero[0]?.y ?? NaN;
    expect(bottom - c.y).toBeCloseTo(4 * (bottom - a.y), 0);
  });

  test("labels the values that were measured and keeps names from being markup", () => {
    const svg = plotSvg(PLOT);
    for (const text of ["Rate &lt;over&gt; size", "1 &amp; 2", "events per second"])
      expect(svg).toContain(`>${text}<`);
    for (const tick of ["10,000", "100,000", "1,000,000", "400"]) expect(svg).toContain(`>${tick}<`);
  });

  test("shows at most eight labels of steps, the last one among them, and the level", () => {
    const labels = Array.from({ length: 20 }, (_, i) => `run ${i}`);
    const points = labels.map((_, x) => ({ x, y: 1 }));
    const svg = plotSvg({
      ...PLOT,
      x: { kind: "steps", labels },
      level: { y: 1, text: "budget" },
      series: [{ name: "it", points }],
    });
    const shown = labels.filter((label) => svg.includes(`>${label}<`));
    expect(shown).toHaveLength(7);
    expect(shown.at(-1)).toBe("run 19");
    expect(svg).toContain(">budget<");
    expect(svg).not.toContain("NaN");
  });
});

test.each([
  [0.3, 0.5],
  [0.5, 0.5],
  [1, 1],
  [1.01, 2],
  [26, 50],
  [501, 1000],
])("the round step for %d is %d", (least, step) => {
  expect(roundStep(least)).toBeCloseTo(step, 9);
});
