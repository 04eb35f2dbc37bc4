import { expect, onTestFinished, test } from "vitest";
import { startTestBroker } from "../../support/broker.ts";
import { startTestConsole } from "../../support/console.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay, type TestRelayOptions } from "../../support/relay.ts";

/** What the console knows of relays: it holds no event, so it asks them. */

async function setUp() {
  const broker = await provisioned(await startTestBroker({ sync: false }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const coordinator = await startCoordinator({ autoCreateSessions: true });
  onTestFinished(() => coordinator[Symbol.asyncDispose]());
  const page = await startTestConsole(broker);
  onTestFinished(() => page[Symbol.asyncDispose]());
  const relay = async (options: TestRelayOptions = {}) => {
    const started = await startTestRelay(broker, coordinator.url, options);
    onTestFinished(() => started[Symbol.asyncDispose]());
    return started;
  };
  const text = async (path: string): Promise<string> => (await page.get(path)).text();
  return { broker, coordinator, relay, text, ...createAppender(await broker.connect("gateway")) };
}

test("without a relay that is said, and is an outage; a relay that comes ends it", async () => {
  const { relay, text } = await setUp();
  await expect.poll(() => text("/")).toContain("No relay responds");
  const started = await relay();
  await expect.poll(() => text("/")).toContain("Forwarding");
  expect(await text("/")).toContain(">relay-a <");
  await expect.poll(() => text("/")).toMatch(/<b>No relay<\/b>[\s\S]*ended/);
  await started.close();
  await expect.poll(() => text("/")).toContain("No relay responds");
});

test("a relay says why a session waits, and what it said of its gate stays after its end", async () => {
  const { coordinator, relay, text, append } = await setUp();
  const started = await relay();
  coordinator.faults.set([{ path: "/sessions/sick/events", action: { kind: "status", status: 503 } }]);
  await append("sick");
  await expect.poll(() => text("/session?id=sick")).toMatch(/class="chip retrying"[\s\S]*503/);
  expect(await text("/sessions?q=SICK")).toMatch(/1 session with “SICK”/);
  await coordinator.stop();
  await append("well");
  await expect.poll(() => text("/")).toMatch(/<b>Coordinator away<\/b>[\s\S]*ECONNREFUSED/);
  await started.close();
  await expect.poll(() => text("/")).toMatch(/<b>Coordinator away<\/b>[\s\S]*ECONNREFUSED/);
});

test("of two relays one page shows all lanes, each once", async () => {
  const { coordinator, relay, text, append } = await setUp();
  await relay({ relay: "relay-a" });
  await relay({ relay: "relay-b" });
  await expect.poll(() => text("/")).toContain(">2 relays <");
  await coordinator.stop();
  const sessions = Array.from({ length: 16 }, (_, n) => `s${String(n).padStart(2, "0")}`);
  for (const session of sessions) await append(session);
  const rows = async (): Promise<string[]> =>
    [...(await text("/sessions")).matchAll(/<tr id="s-(\w+)"/g)].map(([, id = ""]) => id).toSorted();
  await expect.poll(rows).toEqual(sessions);
  await expect.poll(() => text("/sessions")).toContain("16 sessions with pending events.");
});
