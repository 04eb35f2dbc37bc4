import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

// Libraries that take megabytes are loaded when they are needed, so that processes at rest stay small (docs/performance.md, "Figures").

const SRC = resolve(import.meta.dirname, "../../src");
const STATIC = /^(?:import|export)\b(?!\s+type\b)[^;"]*?\bfrom\s*"([^"]+)"/gm;

/** What a file and the files that it imports at once take from packages. */
function packagesOf(main: string): Set<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, to = ""] of readFileSync(file, "utf8").matchAll(STATIC))
      if (to.startsWith(".")) visit(resolve(file, "..", to));
      else packages.add(to);
  };
  visit(resolve(SRC, main));
  return packages;
}

const LARGE = ["typebox", "typebox/compile", "jose", "undici", "prom-client", "@opentelemetry/api"];

test.each(["sessions/main.ts", "worker/main.ts"])("%s loads no large library at its start", (main) => {
  const packages = packagesOf(main);
  expect([...packages]).toContain("@nats-io/nats-core"); // so that the files were read
  expect(LARGE.filter((name) => packages.has(name))).toEqual([]);
});

test.each(["cli/main.ts", "cli/up.ts", "cli/executor.ts"])("%s measures no text at its start", (main) => {
  const packages = packagesOf(main);
  expect(packages.size).toBeGreaterThan(1); // so that the files were read
  expect([...packages]).not.toContain("string-width");
});
