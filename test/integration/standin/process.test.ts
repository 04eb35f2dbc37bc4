import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { spawnCoordinator, type LedgerEntry } from "../../support/coordinator.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

function send(url: string, session: string, key: string, streamSeq: number): Promise<Response> {
  return fetch(`${url}/sessions/${session}/events`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "idempotency-key": key,
      "rr-stream-seq": `77-${streamSeq}`,
    },
    body: JSON.stringify({ event_type: "message", session_id: session, timestamp: "t", marker: `m-${key}` }),
  });
}

test("what was answered before a kill -9 is in the ledger, and the next process continues it", async () => {
  await using coordinator = await spawnCoordinator();
  for (const [i, key] of ["a", "b", "c"].entries()) {
    expect((await send(coordinator.url, "s1", key, i + 1)).status).toBe(201);
  }
  await coordinator.kill9();
  expect(await coordinator.ledger()).toMatchObject([{ key: "a" }, { key: "b" }, { key: "c", marker: "m-c" }]);
  await coordinator.start();
  await send(coordinator.url, "s1", "c", 3);
  await send(coordinator.url, "s1", "d", 2);
  const summary = await (await fetch(`${coordinator.url}/_ledger/summary`)).json();
  expect(summary).toEqual({ entries: 5, keys: 4, repeats: 1, stale: 1, inverted: 0, applied: 5 });
  const lines = (await (await fetch(`${coordinator.url}/_ledger?since=3`)).text()).trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as LedgerEntry).key)).toEqual(["c", "d"]);
});

test("SIGTERM ends it, though streams and polls are open", async () => {
  await using coordinator = await spawnCoordinator();
  const stream = await fetch(`${coordinator.url}/sse/sessions`);
  await coordinator.setFaults([{ method: "POST", action: { kind: "hang" } }]);
  const hanging = send(coordinator.url, "s1", "a", 1);
  const ended = Promise.allSettled([hanging, stream.text()]);
  await coordinator.stop();
  await ended;
});

test("a port that is taken is a loud failure", async () => {
  await using coordinator = await spawnCoordinator();
  const main = mainOf("standin");
  const second = spawn(process.execPath, [main, "--port", new URL(coordinator.url).port], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [said] = await Promise.all([text(second.stderr), once(second, "exit")]);
  expect(said).toContain("port_taken");
  expect(second.exitCode).toBe(1);
});
