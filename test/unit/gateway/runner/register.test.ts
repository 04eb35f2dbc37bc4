import { expect, test } from "vitest";
import type { Tried } from "../../../../src/gateway/runner/attempt.ts";
import { createRegisters } from "../../../../src/gateway/runner/register.ts";
import {
  createRegistrations,
  duplicateRunner,
  isRegistration,
  registeredRunner,
  type Registration,
} from "../../../../src/gateway/runner/registrations.ts";
import { createWay } from "../../../../src/gateway/runner/way.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import type { RelayState } from "../../../../src/shared/messages/relay-state.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { answer, failed, fakeCall, handOn } from "./fake-call.ts";

const HEARD = {} as RelayState;
const OK = { runner_id: "lnch_1", poll_endpoint: "/runner/runs" };
const DUPLICATE = { detail: { error: "duplicate_runner", runner_id: "lnch_1" } };

/** Registers with these outcomes of tries, the last of them again and again; `away`: how long the way is then broken. */
function registering(tries: Tried[], { kept = [] as Registration[], awayMs = 0, stopping = false } = {}) {
  const clock = createFakeClock();
  const way = createWay({ clock, logger: silentLogger() });
  let stored = kept;
  const asked: number[] = [];
  const registered: string[] = [];
  const serve = createRegisters({
    attempt() {
      asked.push(clock.now());
      const tried = tries[Math.min(asked.length, tries.length) - 1] ?? failed("relay_unavailable");
      if (tried.kind === "failed") {
        way.failed(tried.code);
        clock.after(awayMs, () => way.heard(HEARD));
      }
      return Promise.resolve(tried);
    },
    handOn,
    way,
    registrations: createRegistrations({ read: () => stored, write: (all) => void (stored = all) }),
    registered: (runner) => void registered.push(runner),
    stopping: () => stopping,
    answered: () => undefined,
    clock,
  });
  const { call, response } = fakeCall(clock, "{}");
  void serve(call, () => undefined);
  return { clock, response, asked, registered, kept: () => stored };
}

test("an answer goes through as it is, and is kept", async () => {
  const it = registering([answer(200, OK)]);
  await it.clock.pass(0);
  expect([it.response.status, it.response.body]).toEqual([200, JSON.stringify(OK)]);
  expect(it.registered).toEqual(["lnch_1"]);
  expect(it.kept()).toEqual([
    { digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string, answer: JSON.stringify(OK) },
  ]);
});

test.each([
  ["a refusal", [answer(409, DUPLICATE)], 409],
  [
    "an unrelated conflict after a lost answer",
    [failed("relay_lost"), answer(409, { detail: { error: "agent_name_collision" } })],
    409,
  ],
  ["a conflict after a try that got nowhere", [failed("relay_unavailable"), answer(409, DUPLICATE)], 409],
  ["a failure of the coordinator", [failed("coordinator_unreachable")], 503],
  ["its own answer of 503", [answer(503, "x")], 503],
])("%s goes through as it is", async (_, tries, status) => {
  const it = registering(tries, { awayMs: 2000 });
  await it.clock.pass(5000);
  expect(it.response.status).toBe(status);
  expect(it.response.headers).toEqual({});
  expect(it.registered).toEqual([]);
});

test("a short outage of ours is waited for", async () => {
  const it = registering([failed("log_unreachable"), answer(200, OK)], { awayMs: 4000 });
  await it.clock.pass(3900);
  expect(it.response.headersSent).toBe(false);
  await it.clock.pass(1000);
  expect([it.response.status, it.asked.length]).toEqual([200, 2]);
});

test("a registration whose answer was lost is ours, when the coordinator calls it a duplicate", async () => {
  const it = registering([failed("relay_lost"), answer(409, DUPLICATE)], { awayMs: 1000 });
  await it.clock.pass(5000);
  expect(it.response.status).toBe(200);
  expect(it.response.headers["rr-answered-by"]).toBe("gateway");
  expect(JSON.parse(it.response.body)).toEqual({
    runner_id: "lnch_1",
    poll_endpoint: "/runner/runs",
    poll_timeout_seconds: 30,
    heartbeat_interval_seconds: 60,
  });
  expect(it.registered).toEqual(["lnch_1"]);
  expect(it.kept()).toHaveLength(1);
});

test("what is known is answered as soon as the way fails", async () => {
  const before = registering([answer(200, OK)]);
  await before.clock.pass(0);
  const it = registering([failed("relay_unavailable")], { kept: before.kept(), awayMs: 60_000 });
  await it.clock.pass(0);
  expect([it.response.status, it.response.body, it.response.headers["rr-answered-by"]]).toEqual([
    200,
    JSON.stringify(OK),
    "gateway",
  ]);
  expect(it.registered).toEqual(["lnch_1"]);
});

test("it is given up before the runner gives up", async () => {
  const it = registering([failed("relay_unavailable")], { awayMs: 60_000 });
  await it.clock.pass(24_900);
  expect(it.response.headersSent).toBe(false);
  await it.clock.pass(1000);
  expect([it.response.status, it.response.body]).toEqual([503, "relay_unavailable"]);
});

test.each([
  ['{"runner_id":"a"}', "a"],
  ['{"runner_id":null}', undefined],
  ['{"runner_id":"a/b"}', undefined],
  [`{"runner_id":"${"x".repeat(5000)}"}`, undefined],
  ["[]", undefined],
  ["", undefined],
])("the runner of an answer %s", (text, runner) => {
  expect(registeredRunner(Buffer.from(text))).toBe(runner);
});

test.each([
  [DUPLICATE, "lnch_1"],
  [{ detail: { error: "other", runner_id: "a" } }, undefined],
  [{ detail: "duplicate_runner" }, undefined],
  [{ detail: { error: "duplicate_runner", runner_id: 7 } }, undefined],
  [{ detail: null }, undefined],
  [null, undefined],
])("the runner that a refusal %j names", (refusal, runner) => {
  expect(duplicateRunner(Buffer.from(JSON.stringify(refusal)))).toBe(runner);
});

test("BOUND-1: only some registrations are kept, and no long answers", () => {
  let stored: Registration[] = [];
  const registrations = createRegistrations({ read: () => [], write: (all) => void (stored = all) });
  for (let i = 0; i < 50; i++) registrations.keep(Buffer.from(`${i}`), `answer ${i}`);
  registrations.keep(Buffer.from("long"), "x".repeat(5000));
  expect(stored.map(({ answer: text }) => text)).toEqual(
    Array.from({ length: 16 }, (_, i) => `answer ${i + 34}`),
  );
  expect(
    [{}, null, { digest: "a", answer: 7 }, { digest: "a", answer: "x".repeat(5000) }].map(isRegistration),
  ).toEqual([false, false, false, false]);
});
