import { setImmediate } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import type { Coordinator } from "../../../../src/relay/coordinator/client.ts";
import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import { shareConnections } from "../../../../src/relay/lanes/index.ts";
import { createLife, type Life } from "../../../../src/relay/logs/life.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";

const REQUEST = { method: "POST", path: "/", headers: {} } as const;
const ANSWER: AttemptResult = { kind: "failed", cause: "reset", text: "" };

function stage(): {
  life: Life;
  clock: FakeClock;
  said: string[];
  nc: NatsConnection;
  answers: ((result: AttemptResult) => void)[];
  neighbour: () => number;
} {
  const clock = createFakeClock();
  const said: string[] = [];
  const answers: ((result: AttemptResult) => void)[] = [];
  const coordinator: Coordinator = {
    send: () => ({
      result: new Promise((resolve) => answers.push(resolve)),
      abort: () => void said.push("abort"),
    }),
    close: async () => void said.push("coordinator closed"),
  };
  const nc = {
    publish: (subject: string) => void said.push(`publish ${subject}`),
    close: async () => void said.push("connection closed"),
  } as unknown as NatsConnection;
  const part = shareConnections(32);
  const neighbour = part();
  const life = createLife({ clock, coordinator, connections: part() });
  life.gone.addEventListener("abort", () => nc.publish("last word"));
  life.holds(nc);
  return { life, clock, said, nc, answers, neighbour: () => neighbour.most() };
}

test("what is alive has time, answers and a connection", async () => {
  const { life, clock, said, answers, neighbour } = stage();
  const attempt = life.coordinator.send(REQUEST);
  answers[0]?.(ANSWER);
  expect(await attempt.result).toBe(ANSWER);
  attempt.abort("timeout");
  life.clock.after(10, () => void said.push("tick"));
  life.clock.after(10, () => void said.push("never"))();
  await clock.pass(10);
  life.connections.used(30, false);
  expect(neighbour()).toBe(4);
  expect(said).toEqual(["abort", "tick"]);
});

test("at its end nothing more is sent, answered, timed or said, from this moment on", async () => {
  const { life, clock, said, nc, answers, neighbour } = stage();
  const resolved: unknown[] = [];
  const attempt = life.coordinator.send(REQUEST);
  void attempt.result.then((result) => resolved.push(result));
  life.clock.after(10, () => void said.push("tick"));
  life.connections.used(30, true);
  life.end();
  expect(said).toEqual(["publish last word", "coordinator closed", "connection closed"]);
  expect(() => nc.publish("more")).toThrow("closed");
  await expect(nc.request("more")).rejects.toThrow("closed");
  life.clock.after(10, () => void said.push("tick"));
  expect(clock.pending()).toBe(0);
  void life.coordinator.send(REQUEST).result.then((result) => resolved.push(result));
  expect(answers).toHaveLength(1);
  answers[0]?.(ANSWER);
  attempt.abort("timeout");
  life.connections.used(7, true);
  await setImmediate();
  expect(resolved).toEqual([]);
  expect(neighbour(), "its connections are its neighbours'").toBe(32);
  expect(said).toHaveLength(3);
});

test("a connection that comes after the end is closed", () => {
  const { life, said, nc } = stage();
  life.end();
  said.length = 0;
  const late = { close: nc.close } as NatsConnection;
  life.holds(late);
  expect(said).toEqual(["connection closed"]);
  expect(() => late.publish("x")).toThrow("closed");
});
