import { jetstreamManager } from "@nats-io/jetstream";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { DEAD_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startTestConsole } from "../../support/console.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, PAGE_BEARER, provisioned, startTestRelay } from "../../support/relay.ts";

/** The console's pages of sessions, events and groups of dead letters, without a browser. */

async function setUp() {
  const broker = await provisioned(await startTestBroker({ sync: false }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const coordinator = await startCoordinator({ autoCreateSessions: true });
  onTestFinished(() => coordinator[Symbol.asyncDispose]());
  const relay = await startTestRelay(broker, coordinator.url);
  onTestFinished(() => relay[Symbol.asyncDispose]());
  const page = await startTestConsole(broker);
  onTestFinished(() => page[Symbol.asyncDispose]());
  const text = async (path: string): Promise<string> => (await page.get(path)).text();
  const jsm = await jetstreamManager(page.nc, { checkAPI: false });
  const dead = async (): Promise<number> => (await jsm.streams.info(DEAD_STREAM)).state.messages;
  /** Confirms an action as a browser would. */
  const act = async (path: string): Promise<string> => {
    const form = await text(path);
    const fields = [...form.matchAll(/<input\s+type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"/g)];
    const body = new URLSearchParams(
      fields.map(([, name = "", value = ""]): [string, string] => [name, value]),
    );
    const [, action = ""] = /action="(\/act\/[\w-]+)"/.exec(form) ?? [];
    const answer = await fetch(page.url + action, {
      method: "POST",
      body,
      headers: PAGE_BEARER,
      redirect: "manual",
    });
    expect(answer.status, await answer.text()).toBe(303);
    return text(answer.headers.get("location") ?? "/");
  };
  return { broker, coordinator, page, text, dead, act, ...createAppender(await broker.connect("gateway")) };
}

const refuse = (body: string, detail: string) => ({
  body,
  action: { kind: "status", status: 422, body: { detail } } as const,
});

test("a group of dead letters is redriven in the order of its session, another one dropped; later letters stay", async () => {
  const { coordinator, text, dead, act, append } = await setUp();
  coordinator.faults.set([
    refuse("first", "field 1 is wrong"),
    refuse("second", "field 2 is wrong"),
    refuse("other", "too long"),
  ]);
  await append("s1", { text: "first" });
  await append("s1", { text: "second" });
  await append("s2", { text: "other" });
  await expect.poll(dead).toBe(3);
  const groups = await text("/dead");
  expect(groups).toMatch(/422 field # is wrong<\/a>[\s\S]*?>2<[\s\S]*?>1</);
  coordinator.faults.clear();
  const reason = encodeURIComponent("422 field # is wrong");
  expect(await text(`/dead?reason=${reason}`)).toMatch(/2 dead letters[\s\S]*with the reason/);
  expect(await act(`/confirm?action=redrive-all&reason=${reason}`)).toContain("2 events requeued.");
  await expect
    .poll(() =>
      coordinator
        .writes("s1")
        .filter(({ status }) => status < 300)
        .map(({ body }) => /first|second/.exec(String(body))?.[0]),
    )
    .toEqual(["first", "second"]);
  expect(await dead()).toBe(1);
  expect(await act("/confirm?action=drop-all&session=s2")).toContain("1 event dropped.");
  expect(await dead()).toBe(0);
  expect(await text("/confirm?action=drop-all")).toContain("There is no such dead letter any more.");
});

test("the events of a session: what became of each, and where it is found by its id", async () => {
  const { coordinator, page, text, append } = await setUp();
  coordinator.faults.set([
    refuse("poison", "no"),
    { body: "sick", action: { kind: "status", status: 500, body: { detail: "down" } } },
  ]);
  const fine = await append("s1", { text: "fine" });
  await append("s1", { text: "poison" });
  const sick = await append("s1", { text: "sick" });
  const behind = await append("s1", { text: "behind" });
  await expect
    .poll(() => text("/session?id=s1"))
    .toMatch(/waits behind[\s\S]*status 500: down[\s\S]*chip dead[\s\S]*422 no[\s\S]*chip delivered/);
  const found = await page.get(`/event?id=${fine.id}`);
  expect(new URL(found.url).search).toBe("?seq=1");
  expect(await found.text()).toContain("chip delivered");
  expect(await text(`/event?id=${sick.id}`)).toMatch(/Its session waits[\s\S]*status 500: down/);
  expect(await text(`/event?id=${behind.id}`)).toContain("chip pending");
  const none = await page.get("/event?id=nobody");
  expect(none.status).toBe(404);
  expect(await none.text()).toContain("runner-relay deliveries nobody");
  expect(await text("/session?id=nobody")).toContain("There is no event of this session in the log");
});

test("a list of sessions is sorted and paged: each session is on one page", async () => {
  const { coordinator, text, append } = await setUp();
  await coordinator.stop();
  const names = Array.from({ length: 120 }, (_, n) => `s${String(n).padStart(3, "0")}`);
  for (const name of names) await append(name);
  for (let n = 0; n < 3; n++) await append("s077");
  await expect.poll(() => text("/sessions")).toContain("120 sessions with pending events");
  await expect.poll(() => text("/sessions?sort=events")).toMatch(/<tbody[^>]*>\s*<tr id="s-s077"/);
  const seen: string[] = [];
  for (let path = "/sessions?sort=session"; path !== "";) {
    const shown = await text(path);
    seen.push(...[...shown.matchAll(/<tr id="s-(s\d+)"/g)].map(([, id = ""]) => id));
    path = (/rel="next"\s+href="([^"]+)"/.exec(shown)?.[1] ?? "").replaceAll("&amp;", "&");
  }
  expect(seen).toEqual(names);
});

test("whatever stands in an address, no page fails", { timeout: 60_000 }, async () => {
  const { page, append } = await setUp();
  await append("s1");
  const name = fc.constantFrom(
    "id",
    "seq",
    "q",
    "sort",
    "after",
    "before",
    "session",
    "reason",
    "since",
    "until",
    "upto",
    "action",
    "range",
    "notice",
  );
  const value = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.constantFrom("..", "s1", "-1", "1e9", "4.9.9.s", "2026-13-45T99:99", "redrive-all", "try", "pause"),
  );
  const path = fc.constantFrom(
    "/",
    "/sessions",
    "/session",
    "/event",
    "/dead",
    "/letter",
    "/checks",
    "/confirm",
    "/status.json",
  );
  await fc.assert(
    fc.asyncProperty(path, fc.array(fc.tuple(name, value), { maxLength: 4 }), async (where, query) => {
      const answer = await page.get(`${where}?${new URLSearchParams(query).toString()}`);
      const body = await answer.text();
      expect(answer.status, body.slice(0, 3000)).toBeLessThan(500);
    }),
    { numRuns: 150 },
  );
});
