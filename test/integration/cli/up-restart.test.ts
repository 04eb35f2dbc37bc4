import { expect, onTestFinished, test } from "vitest";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { dataFolder, startUp, type Up } from "../../support/up.ts";
import { eventually } from "../../support/eventually.ts";

/** A planned restart with everything under way that executors and runners can have under way. */

async function folder(): Promise<string> {
  const it = await dataFolder();
  onTestFinished(() => it[Symbol.asyncDispose]());
  return it.path;
}

async function coordinatorFor(): Promise<TestCoordinator> {
  const coordinator = await startCoordinator({ autoCreateSessions: true });
  onTestFinished(() => coordinator[Symbol.asyncDispose]());
  return coordinator;
}

function start(where: string, { url }: TestCoordinator): Up {
  return startUp(where, { args: ["--coordinator", url] });
}

function write(gateway: string, session: string, n: number, headers: Record<string, string> = {}) {
  return fetch(`${gateway}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ session_id: session, event_type: "message", timestamp: `t${n}` }),
  });
}

/** What the coordinator carried out of a session, in its order. */
function storyOf(coordinator: TestCoordinator, session: string): string[] {
  return coordinator
    .writes(session)
    .filter(({ applied, path }) => applied && path.endsWith("/events"))
    .map(({ body }) => (JSON.parse(body ?? "") as { timestamp: string }).timestamp);
}

async function register(gateway: string): Promise<string> {
  const executor = { type: "autonomous", command: "x", config: {} };
  const answer = await fetch(`${gateway}/runner/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      hostname: "host-1",
      project_dir: "/p",
      executor_profile: "coding",
      executor,
    }),
  });
  return ((await answer.json()) as { runner_id: string }).runner_id;
}

async function metricsOf(gateway: string): Promise<string> {
  return (await fetch(`${gateway}/_relay/metrics`)).text();
}

test("a stop answers what waits and what is held, and loses nothing: the next start delivers it in order", async () => {
  const where = await folder();
  const coordinator = await coordinatorFor();
  const first = start(where, coordinator);
  const { gateway } = await first.ready();
  await expect.poll(async () => (await write(gateway, "s-well", 1)).status).toBe(201);
  const runner = await register(gateway);
  const poll = fetch(`${gateway}/runner/runs?runner_id=${runner}`);
  coordinator.faults.set([{ session: "s-hangs", action: { kind: "hang" } }]);
  const waiting = write(gateway, "s-hangs", 1, { prefer: "wait=30" });
  await expect.poll(() => metricsOf(gateway)).toMatch(/waiting_requests 1$/m);
  await expect.poll(() => metricsOf(gateway)).toMatch(/passing_requests 1$/m);
  expect((await write(gateway, "s-hangs", 2, { prefer: "respond-async" })).status).toBe(202);

  const stopped = first.stop();
  expect((await waiting).status, "it is stored, so it is told so").toBe(202);
  const polled = await poll;
  if (polled.status !== 204) expect(await polled.json()).toHaveProperty("code");
  expect((await stopped).code).toBe(0);
  expect(first.output.stdout).toMatch(
    /2 events are pending in .*data and will be delivered at the next start/,
  );
  const said = first.output.stderr;
  expect(said.indexOf("relay stopping")).toBeGreaterThan(0);
  expect(said.indexOf("relay stopping"), "the gateway serves meanwhile").toBeLessThan(
    said.indexOf("gateway stopping"),
  );

  coordinator.faults.clear();
  const second = start(where, coordinator);
  expect((await second.ready()).gateway).toBe(gateway);
  await expect.poll(() => storyOf(coordinator, "s-hangs")).toEqual(["t1", "t2"]);
  expect((await second.stop()).code).toBe(0);
});

test("what a well coordinator has answered when the relay stops is not sent again", async () => {
  const where = await folder();
  const coordinator = await coordinatorFor();
  const first = start(where, coordinator);
  const { gateway } = await first.ready();
  await expect.poll(async () => (await write(gateway, "s-1", 1)).status).toBe(201);
  const before = storyOf(coordinator, "s-1").length;
  for (let n = 2; n < 40; n++) await write(gateway, "s-1", n, { prefer: "respond-async" });
  expect((await first.stop()).code).toBe(0);
  const second = start(where, coordinator);
  await second.ready();
  await expect.poll(() => storyOf(coordinator, "s-1").length).toBe(before + 38);
  expect((await second.stop()).code).toBe(0);
  const story = storyOf(coordinator, "s-1").slice(before);
  expect(story).toEqual(Array.from({ length: 38 }, (_, i) => `t${i + 2}`));
});

test("what comes while up starts again waits and is served: from the first connection on nothing is an error", async () => {
  const where = await folder();
  const coordinator = await coordinatorFor();
  const first = start(where, coordinator);
  const { gateway } = await first.ready();
  expect((await first.stop()).code).toBe(0);
  const second = start(where, coordinator);
  const answer = await eventually(() => write(gateway, "s-1", 1, { prefer: "respond-async" }), 5);
  expect(answer.status, "the first connection that was not refused").toBe(202);
  await second.ready();
  await expect.poll(() => storyOf(coordinator, "s-1")).toEqual(["t1"]);
  expect((await second.stop()).code).toBe(0);
});
