import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { startCoordinator, type FaultAction, type TestCoordinator } from "../../support/coordinator.ts";
import { eventually } from "../../support/eventually.ts";

/** The bytes of the answer to one event, until the server closes or `enough` is satisfied, and how the connection ended. */
async function raw(
  coordinator: TestCoordinator,
  session: string,
): Promise<{ text: () => string; end: () => string | undefined; close: () => void }> {
  const body = JSON.stringify({ event_type: "message", session_id: session, timestamp: "t" });
  const socket = connect(Number(new URL(coordinator.url).port), "127.0.0.1");
  let text = "";
  let end: string | undefined;
  socket.on("data", (chunk) => (text += chunk.toString("latin1")));
  socket.on("error", (error: NodeJS.ErrnoException) => (end = error.code));
  socket.on("close", () => (end ??= "closed"));
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const head = [`POST /sessions/${session}/events HTTP/1.1`, "host: x", "content-type: application/json"];
  socket.write(`${head.join("\r\n")}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  return { text: () => text, end: () => end, close: () => socket.destroy() };
}

async function struck(
  action: FaultAction,
  apply?: boolean,
): Promise<{ text: string; end: string | undefined; applied: boolean; status: number }> {
  await using coordinator = await startCoordinator();
  const { sessionId } = coordinator.createSession();
  coordinator.faults.set([{ method: "POST", times: 1, action, ...(apply === undefined ? {} : { apply }) }]);
  const call = await raw(coordinator, sessionId);
  await eventually(() => expect(call.end() ?? (call.text() === "" ? undefined : "answered")).toBeDefined());
  if (action.kind === "half_body" || (action.kind === "reset" && action.at === "after_head")) {
    await eventually(() => expect(call.end()).toBeDefined());
  }
  call.close();
  const entry = coordinator.writes(sessionId)[0];
  return {
    text: call.text(),
    end: call.end(),
    applied: entry?.applied ?? false,
    status: entry?.status ?? -1,
  };
}

describe("faults on the wire", () => {
  test("a fixed status with headers and a JSON body", async () => {
    const action = {
      kind: "status",
      status: 503,
      headers: { "retry-after": "7" },
      body: { detail: "busy" },
    } as const;
    const { text, applied, status } = await struck(action);
    expect(text).toMatch(/^HTTP\/1.1 503 /);
    expect(text).toContain("retry-after: 7\r\n");
    expect(text).toContain("content-type: application/json\r\n");
    expect(text).toMatch(/\{"detail":"busy"\}$/);
    expect([applied, status]).toEqual([false, 503]);
  });

  test("a status after the event was taken over", async () => {
    const { text, applied } = await struck({ kind: "status", status: 502, body: "<h1>bad</h1>" }, true);
    expect(text).toMatch(/^HTTP\/1.1 502 /);
    expect(text).toContain("content-type: text/html");
    expect(applied).toBe(true);
  });

  test.each([false, true])("a reset without an answer, event taken over: %s", async (apply) => {
    const { text, end, applied, status } = await struck({ kind: "reset", at: "before_head" }, apply);
    expect([text, end, applied, status]).toEqual(["", "ECONNRESET", apply, 0]);
  });

  test("a reset after the head", async () => {
    const { text, end, applied, status } = await struck({ kind: "reset", at: "after_head" });
    expect(text).toMatch(/^HTTP\/1.1 201 Created\r\n/);
    expect(text).not.toContain("true");
    expect([end, applied, status]).toEqual(["ECONNRESET", true, 201]);
  });

  test("half a body", async () => {
    const { text, end, applied } = await struck({ kind: "half_body" });
    expect(text).toMatch(/\r\n\r\n\{"ok"$/);
    expect([end, applied]).toEqual(["closed", true]);
  });

  test("garbage, a redirect, a web page", async () => {
    expect((await struck({ kind: "garbage" })).text).not.toMatch(/^HTTP/);
    const redirect = await struck({ kind: "redirect", location: "http://elsewhere.test/x" });
    expect(redirect.text).toMatch(/^HTTP\/1.1 307 /);
    expect(redirect.text).toContain("location: http://elsewhere.test/x\r\n");
    const page = await struck({ kind: "html" });
    expect(page.text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(page.text).toContain("<html>");
  });

  test("no answer at all, until the coordinator goes away", async () => {
    await using coordinator = await startCoordinator();
    const { sessionId } = coordinator.createSession();
    coordinator.faults.set([{ session: sessionId, action: { kind: "hang" } }]);
    const call = await raw(coordinator, sessionId);
    await eventually(() =>
      expect(coordinator.writes(sessionId)).toMatchObject([{ fault: "hang", applied: false }]),
    );
    expect(call.text()).toBe("");
    await coordinator.stop();
    await eventually(() => expect(call.end()).toBeDefined());
  });

  test.each([{ kind: "delay", ms: 60 } as const, { kind: "slow", ms: 60 } as const])(
    "$kind answers normally, later",
    async (action) => {
      await using coordinator = await startCoordinator();
      const { sessionId } = coordinator.createSession();
      coordinator.faults.set([{ method: "POST", action }]);
      const before = performance.now();
      const got = await fetch(`${coordinator.url}/sessions/${sessionId}/events`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ event_type: "message", session_id: sessionId, timestamp: "t" }),
      });
      expect([got.status, await got.json()]).toEqual([201, { ok: true }]);
      expect(performance.now() - before).toBeGreaterThanOrEqual(50);
    },
  );
});

test("rules are set, shown and cleared over HTTP, and only where that is opened", async () => {
  await using open = await startCoordinator();
  const rules = [{ path: "/health", action: { kind: "status", status: 500 } }];
  const set = await fetch(`${open.url}/_faults`, { method: "POST", body: JSON.stringify({ rules }) });
  expect(set.status).toBe(200);
  expect((await fetch(`${open.url}/health`)).status).toBe(500);
  expect(await (await fetch(`${open.url}/_faults`)).json()).toMatchObject({ rules: [{ strikes: 1 }] });
  await fetch(`${open.url}/_faults`, { method: "DELETE" });
  expect((await fetch(`${open.url}/health`)).status).toBe(200);
  expect((await fetch(`${open.url}/_faults`, { method: "POST", body: "{}" })).status).toBe(422);

  await using closed = await startCoordinator({ faults: false });
  expect((await fetch(`${closed.url}/_faults`)).status).toBe(404);
});
