import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startCoordinator } from "../../support/coordinator.ts";

type Line = {
  request: { method: string; path: string; body?: string };
  answer: { status: number; headers: Record<string, string>; body: string };
};

const STORY = readFileSync(
  new URL("../../fixtures/samples/coordinator-answers.ndjson", import.meta.url),
  "utf8",
)
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Line);

const ID = /\b(?:ses|run|lnch)_[0-9a-f]{12}\b/g;

test("the stand-in answers the recorded story like the real coordinator, ids and times aside", async () => {
  await using coordinator = await startCoordinator();
  const ours = new Map<string, string>(); // recorded id → ours
  expect(STORY).toHaveLength(38);
  for (const { request, answer } of STORY) {
    const mine = (text: string): string => text.replaceAll(ID, (id) => ours.get(id) ?? id);
    const got = await fetch(coordinator.url + mine(request.path), {
      method: request.method,
      ...(request.body === undefined
        ? {}
        : { body: mine(request.body), headers: { "content-type": "application/json" } }),
    });
    const body = await got.text();
    const recorded = answer.body.match(ID) ?? [];
    for (const [i, id] of (body.match(ID) ?? []).entries()) {
      const theirs = recorded[i];
      if (theirs !== undefined && !ours.has(theirs)) ours.set(theirs, id);
    }
    const what = `${request.method} ${request.path}`;
    expect(timeless(body), what).toBe(timeless(mine(answer.body)));
    expect(got.status, what).toBe(answer.status);
    for (const [name, value] of Object.entries(answer.headers)) {
      expect(got.headers.get(name), `${what}: ${name}`).toBe(value);
    }
  }
});

/** Times that the coordinator itself gives have microseconds; those of the story's requests do not. */
function timeless(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00/g, "TIME");
}
