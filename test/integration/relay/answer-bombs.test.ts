import { jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { deadLetters } from "../../../src/shared/log/state/dead-letters.ts";
import { startTestBroker } from "../../support/broker.ts";
import { serveHttp } from "../../support/http-server.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { json, type Step } from "../../support/scripted-server.ts";
import { startStack } from "../tunnel/stack.ts";

const MIB = 1024 * 1024;
const many = `[${"{},".repeat(MIB)}{}]`;
const deep = `${"[".repeat(MIB)}${"]".repeat(MIB)}`;

/** A coordinator that answers `{"ok":true}`, but for one session. */
async function startScripted(
  hostile: (path: string) => Step | undefined,
): Promise<{ url: string; requests: string[]; [Symbol.asyncDispose](): Promise<void> }> {
  const requests: string[] = [];
  const server = await serveHttp((response, { target }) => {
    requests.push(target);
    (hostile(target) ?? json(200, '{"ok":true}'))(response);
  });
  return { url: server.url, requests, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Every byte in a chunk of its own. */
function crumbs(status: number, body: string): Step {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", "transfer-encoding": "chunked" });
    response.flushHeaders();
    response.socket?.write(body.replaceAll(/[^]/g, "1\r\n$&\r\n") + "0\r\n\r\n");
    response.socket?.end();
  };
}

/** How the events of the one session end. */
const BOMBS: [what: string, reply: Step, end: "delivered" | "dead" | "waits"][] = [
  ["a success with a million empty maps", json(200, `{"a":${many}}`), "delivered"],
  ["a success nested a million deep", json(200, `{"a":${deep}}`), "delivered"],
  ["a success that is a list", json(200, many), "waits"],
  ["a success in crumbs", crumbs(200, `{"a":"${"x".repeat(MIB / 2)}"}`), "delivered"],
  ["a success without an end", json(200, `{"a":"${"x".repeat(6 * MIB)}"}`), "delivered"],
  ["a refusal with a million empty maps", json(422, `{"detail":[{"msg":"no","input":${many}}]}`), "dead"],
  ["a refusal nested a million deep", json(404, `{"detail":${deep}}`), "dead"],
  [
    "a refusal nested as deep as it is read",
    json(400, `{"detail":{"a":${"[".repeat(4000)}${"]".repeat(4000)}}}`),
    "dead",
  ],
  ["a refusal that is something else", json(422, many), "waits"],
  [
    "four thousand headers",
    (response) => {
      for (let i = 0; i < 4000; i++) response.appendHeader("a", "");
      json(200, '{"ok":true}')(response);
    },
    "waits",
  ],
];

describe("answers of a coordinator that are made to be expensive", () => {
  for (const [what, reply, end] of BOMBS) {
    it(`ISOLATE-1, BOUND-1: ${what}: judged or repeated, and others are served`, async () => {
      await using broker = await provisioned(await startTestBroker());
      await using coordinator = await startScripted((path) => (path.includes("ses_bad") ? reply : undefined));
      const { append } = createAppender(await broker.connect("gateway"));
      for (let i = 0; i < 3; i++) await append("ses_bad");
      const others = Array.from({ length: 16 }, (_, i) => `ses_${i}_`);
      for (const session of others) await append(session);
      await using relay = await startTestRelay(broker, coordinator.url);
      const sent = (session: string): number =>
        coordinator.requests.filter((path) => path.includes(session)).length;
      for (const session of others) await expect.poll(() => sent(session)).toBe(1);
      const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
      if (end === "waits") await expect.poll(() => sent("ses_bad")).toBeGreaterThan(1);
      else {
        await expect.poll(async () => JSON.parse((await relay.get("/status")).text).lanes.waiting).toBe(0);
        expect(sent("ses_bad")).toBe(3);
      }
      const letters = await Array.fromAsync(deadLetters(jsm));
      expect(letters.length).toBe(end === "dead" ? 3 : 0);
      for (const { reason } of letters) expect(reason.length).toBeLessThan(4100);
      expect(relay.fatal).toEqual([]);
    });
  }

  it.each([
    ["a million empty maps", many],
    ["a million deep", deep],
  ])("SETTLE-1: a batch whose results hold %s: its events are sent one by one", async (_, bomb) => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startScripted((path) =>
      path.endsWith("batch") ? json(200, `{"results":[],"more":${bomb}}`) : undefined,
    );
    const { append } = createAppender(await broker.connect("gateway"));
    for (let i = 0; i < 5; i++) await append("ses_a");
    await using relay = await startTestRelay(broker, coordinator.url, {
      batch: { path: "/sessions/{session_id}/batch", max: 100 },
    });
    const single = (): number => coordinator.requests.filter((path) => path.endsWith("/events")).length;
    await expect.poll(single).toBe(5);
    expect(relay.fatal).toEqual([]);
  });

  it("a health answer with a million values is not a coordinator's, and the relay keeps probing", async () => {
    await using broker = await provisioned(await startTestBroker());
    let bomb = true;
    await using coordinator = await startScripted((path) =>
      path === "/health" && bomb ? json(200, `{"a":${many}}`) : undefined,
    );
    const { append } = createAppender(await broker.connect("gateway"));
    await append("ses_a");
    await using relay = await startTestRelay(broker, coordinator.url);
    await expect.poll(() => coordinator.requests.includes("/health")).toBe(true);
    bomb = false;
    await expect.poll(() => coordinator.requests.some((path) => path.includes("ses_a"))).toBe(true);
    expect(relay.fatal).toEqual([]);
  });

  it("a runner's name that no subject can hold goes by itself, and cuts no connection", async () => {
    await using coordinator = await startScripted((path) =>
      path.startsWith("/runner/") ? json(401, '{"detail":"Runner not registered"}') : undefined,
    );
    await using stack = await startStack(coordinator.url);
    const long = "r".repeat(6000);
    const poll = await fetch(`${stack.url}/runner/runs?runner_id=${long}`);
    const beat = await fetch(`${stack.url}/runner/heartbeat`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ runner_id: long }),
    });
    const gone = await fetch(`${stack.url}/sessions/${"s".repeat(6000)}`, { method: "DELETE" });
    expect([poll.status, beat.status, gone.status]).toEqual([401, 401, 200]);
    expect(stack.relay.nc.stats().inMsgs).toBeGreaterThan(0);
    expect(stack.relay.fatal).toEqual([]);
  });
});
