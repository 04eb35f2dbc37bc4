import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { startTestBroker } from "../../support/broker.ts";
import { provisioned } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf, type Part } from "../../support/bundle/main-of.ts";

/** A stderr that takes little is full after some of these; 1 MiB of lines may wait. */
const WRITES = 3000;
const LONG_SESSION = "s".repeat(190);

async function start(part: Part, env: Record<string, string>) {
  const child = spawn(process.execPath, [mainOf(part)], {
    env: { ...bareEnv(), RUNNER_RELAY_LOG_LEVEL: "trace", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, url: (JSON.parse(line) as { url: string }).url };
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(url)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
}

test("a stderr without a reader: every event is stored and delivered, and dropped lines are counted and reported", async () => {
  const broker = await provisioned(await startTestBroker());
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const data = await mkdtemp(join(tmpdir(), "rr-services-"));
  onTestFinished(() => rm(data, { recursive: true, force: true }));
  const login = (...who: Parameters<typeof broker.access>) => {
    const { user: name = "", password = "" } = broker.access(...who);
    return { NATS_URL: broker.url, NATS_USER: name, NATS_PASSWORD: password };
  };
  const standIn = await start("standin", { RUNNER_RELAY_COORDINATOR_AUTO_CREATE: "true" });
  const relay = await start("relay", {
    ...login("relay"),
    RUNNER_RELAY_COORDINATOR_URL: standIn.url,
    RUNNER_RELAY_ADMIN_PORT: "0",
  });
  const gateway = await start("gateway", {
    ...login("gateway", "gw1"),
    RUNNER_RELAY_DATA: data,
    RUNNER_RELAY_PORT: "0",
  });

  for (let n = 0; n < WRITES; n += 300) {
    const replies = Array.from({ length: 300 }, async (_, i) => {
      const reply = await fetch(`${gateway.url}/events`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-request-id": "r".repeat(120),
          prefer: "respond-async",
        },
        body: JSON.stringify({
          session_id: `${LONG_SESSION}${i}`,
          event_type: "message",
          timestamp: "2026-01-01T00:00:00Z",
          n: n + i,
        }),
      });
      await reply.arrayBuffer();
      return reply.status;
    });
    for (const status of await Promise.all(replies)) expect(status).toBe(202);
  }
  await eventually(async () => {
    const settled = 'runner_relay_events_settled_total\\{how="delivered"\\}';
    expect(await metric(`${relay.url}/metrics`, settled)).toBe(WRITES);
  });

  const counts = {
    gateway: await metric(`${gateway.url}/_relay/metrics`, "runner_relay_gateway_log_lines_dropped_total"),
    relay: await metric(`${relay.url}/metrics`, "runner_relay_log_lines_dropped_total"),
  };
  for (const [name, { child }] of Object.entries({ gateway, relay })) {
    const dropped = counts[name as keyof typeof counts];
    expect(dropped, name).toBeGreaterThan(0);
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    await eventually(() => expect(text.includes("log lines were dropped"), name).toBe(true));
    const ended = once(child, "close");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const told = lines.filter(({ msg }) => msg === "log lines were dropped");
    expect(told.reduce((sum, line) => sum + Number(line["dropped"]), 0)).toBeGreaterThanOrEqual(dropped);
    expect(told[0]).toMatchObject({ level: 40, name, reason: "the reader is not reading" });
    expect(lines.at(-1), "the lines of its end come out").toMatchObject({ msg: `${name} stopping` });
  }
  standIn.child.kill("SIGTERM");
  expect(await once(standIn.child, "exit")).toEqual([0, null]);
});
