import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { expect, it } from "vitest";
import type { FaultAction } from "../../support/coordinator.ts";
import { appendTo, expectAllDelivered, expectTold, sessionsOf, startDay } from "./day.ts";
import { eventually } from "../../support/eventually.ts";

const PAGE_404: FaultAction = { kind: "status", status: 404, body: "<h1>404 Not Found</h1>" };

it.concurrent("SETTLE-1: HTML 404 for everything with 1,000 waiting events: no dead letter, after the correction all in order", async () => {
  await using day = await startDay();
  day.coordinator.faults.set([{ action: PAGE_404 }]);
  const ids = await appendTo(day, sessionsOf(10), 100);
  const relay = await day.relay();
  await expectTold(day, "paused", "wrong_address");
  expect(JSON.parse((await relay.get("/status")).text)).toMatchObject({
    gate: { phase: "paused", reason: "wrong_address", text: "GET /health answers 404 without JSON" },
  });
  expect(day.coordinator.writes()).toEqual([]);
  day.coordinator.faults.clear();
  await expectAllDelivered(day, ids);
  expect(day.coordinator.summary()).toMatchObject({ repeats: 0 });
});

it.concurrent.each<[string, FaultAction]>([
  ["HTML 404", PAGE_404],
  ["200 with a web page", { kind: "html" }],
])(
  "SETTLE-1: %s for everything in the middle of the day: a pause, no dead letter, delivered when it is over",
  async (_, action) => {
    await using day = await startDay();
    await day.relay();
    const before = await appendTo(day, sessionsOf(10), 1);
    await expectAllDelivered(day, before);
    day.coordinator.faults.set([{ action }]);
    const ids = await appendTo(day, sessionsOf(20).slice(10), 20);
    await expectTold(day, "paused", "wrong_address");
    day.coordinator.faults.clear();
    await expectAllDelivered(day, ids);
  },
);

it.concurrent("CRED-1: a redirect is not followed, and no credential goes where it points", async () => {
  await using day = await startDay({ token: "the-api-key" });
  let elsewhere = 0;
  const other = createServer((_, response) => {
    elsewhere++;
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(other, "listening");
  const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
  await day.relay({ env: { RUNNER_RELAY_API_KEY: "the-api-key" } });
  await expectAllDelivered(day, await appendTo(day, ["ses_a"], 1));
  for (const status of [301, 302, 307, 308]) {
    day.coordinator.faults.set([{ path: "/events$", action: { kind: "redirect", location, status } }]);
    const ids = await appendTo(day, [`ses_${status}`], 3);
    await expectTold(day, "paused", "redirected");
    day.coordinator.faults.clear();
    await expectAllDelivered(day, ids);
    await eventually(() => expect(day.told()).toEqual({ state: "up" }));
  }
  expect(elsewhere).toBe(0);
  other.close();
});

it.concurrent("an address that redirects everything is a wrong one: nothing is sent there", async () => {
  await using day = await startDay();
  day.coordinator.faults.set([{ action: { kind: "redirect", location: "http://127.0.0.1:9/login" } }]);
  await day.relay();
  const ids = await appendTo(day, ["ses_a"], 3);
  await expectTold(day, "paused", "wrong_address");
  expect(day.coordinator.writes()).toEqual([]);
  day.coordinator.faults.clear();
  await expectAllDelivered(day, ids);
});

it.concurrent("SETTLE-1: a wrong path in the base URL pauses; a relay with the right one delivers everything", async () => {
  await using day = await startDay();
  const wrong = await day.relay({ url: `${day.coordinator.url}/api/v1` });
  const ids = await appendTo(day, ["ses_a"], 20);
  await expectTold(day, "paused", "route_unknown");
  await wrong.close();
  await day.relay({ retarget: true });
  await expectAllDelivered(day, ids);
  expect(day.coordinator.ledger().filter((entry) => entry.path.startsWith("/api/v1/sessions"))).not.toEqual(
    [],
  );
});
