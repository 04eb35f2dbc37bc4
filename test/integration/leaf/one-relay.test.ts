import { rm } from "node:fs/promises";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { firstApplied, unexcused } from "../../faults/checker.ts";
import { addLog, startLeafHome, type LeafHome, type LeafHost } from "../../faults/leaf/home.ts";
import { eventually } from "../../support/eventually.ts";
import { markersOf, send, stateOf, type Stored } from "./events.ts";

// A hub, and two hosts with a log and a gateway each, whose logs are served by one relay process.

let home: LeafHome;
let one: LeafHost;
let other: LeafHost;

beforeAll(async () => {
  home = await startLeafHome(2, { relays: "one" });
  [one, other] = home.hosts as [LeafHost, LeafHost];
});
afterAll(() => home[Symbol.asyncDispose]());

type LogShown = { state: string; since?: string; code?: string; waiting?: { events: number } };

function at(path: string): Promise<Response> {
  return fetch(new URL(path, one.relay.url()));
}

async function ready(): Promise<{ status: number; logs: Record<string, LogShown> }> {
  const answer = await at("/ready");
  const { logs } = (await answer.json()) as { logs: Record<string, LogShown> };
  return { status: answer.status, logs };
}

async function isDelivered(host: LeafHost, stored: Stored): Promise<void> {
  await eventually(async () => expect(await stateOf(host, stored)).toBe("delivered"));
}

async function arrivedOf(session: string): Promise<string[]> {
  const arrivals = await home.arrivals();
  return [...firstApplied(arrivals).keys()].filter((marker) => marker.startsWith(`${session}:`));
}

test("one log is cut off and the other goes on; the ready page tells since when; the one catches up in order", async () => {
  await eventually(async () =>
    expect(await ready()).toMatchObject({
      status: 200,
      logs: { leaf1: { state: "up" }, leaf2: { state: "up" } },
    }),
  );
  await isDelivered(one, await send(one, "cut"));
  one.link.set({ kind: "stalled" });
  await eventually(async () => expect((await ready()).logs["leaf1"]?.state).toBe("away"));
  const { status, logs } = await ready();
  expect(status, "a host that is away is no fault of the process").toBe(200);
  expect(Date.now() - Date.parse(logs["leaf1"]?.since ?? "")).toBeLessThan(60_000);
  expect(logs["leaf2"]).toMatchObject({ state: "up", waiting: { events: 0 } });
  const waiting: Stored[] = [];
  for (let i = 0; i < 20; i++) waiting.push(await send(one, "cut"));
  for (let i = 0; i < 5; i++) await isDelivered(other, await send(other, "goes-on"));
  expect(await arrivedOf("cut")).toHaveLength(1);
  one.link.set({ kind: "open" });
  for (const stored of waiting) await isDelivered(one, stored);
  expect(await arrivedOf("cut")).toEqual(markersOf("cut"));
  await eventually(async () => expect((await ready()).logs["leaf1"]?.state).toBe("up"));
});

test("ONCE-1: the process is killed and started again: both logs go on, and nothing that was settled is repeated", async () => {
  const sent: [LeafHost, Stored][] = [];
  const sendBoth = async (): Promise<void> => {
    for (const host of [one, other]) sent.push([host, await send(host, `killed-${host.name}`)]);
  };
  for (let i = 0; i < 20; i++) await sendBoth();
  for (const [host, stored] of sent) await isDelivered(host, stored);
  const moments = [Date.now()];
  await one.relay.kill9();
  for (let i = 0; i < 20; i++) await sendBoth();
  for (const [host, stored] of sent) await isDelivered(host, stored);
  const arrivals = await home.arrivals();
  for (const { name } of home.hosts) {
    expect(await arrivedOf(`killed-${name}`)).toEqual(markersOf(`killed-${name}`));
    expect(
      unexcused(
        arrivals.filter(({ marker }) => marker?.startsWith(`killed-${name}:`)),
        moments,
      ),
    ).toEqual([]);
  }
});

test("/ready names the code of a log whose file is wrong; the relay serves the log when its file is right, and no longer when the file is gone", async () => {
  await addLog(home.logs, one, "wrong");
  await eventually(async () =>
    expect(await ready()).toMatchObject({
      status: 503,
      logs: { leaf1: { state: "failed", code: "broker_refused" }, leaf2: { state: "up" } },
    }),
  );
  const waiting = await send(one, "refused");
  await isDelivered(other, await send(other, "refused-other"));
  expect(await arrivedOf("refused")).toEqual([]);
  await addLog(home.logs, one);
  await isDelivered(one, waiting);
  await rm(join(home.logs, "leaf1.env"));
  await eventually(async () => expect(Object.keys((await ready()).logs)).toEqual(["leaf2"]));
  await addLog(home.logs, one);
  await isDelivered(one, await send(one, "refused"));
});

test("a relay that must not go on ends without the others and without the process, and starts again when its log was mended", async () => {
  await isDelivered(one, await send(one, "anew"));
  const pid = one.relay.pid();
  const admin = await one.connect("host", "admin");
  const jsm = await jetstreamManager(admin, { checkAPI: false });
  await jsm.streams.delete(EVENTS_STREAM);
  await eventually(async () => expect((await ready()).logs["leaf1"]?.state).not.toBe("up"));
  await isDelivered(other, await send(other, "anew-other"));
  await provision(admin, { logBytes: 64 * 1024 ** 2, from: "first" });
  await eventually(async () => expect((await ready()).logs["leaf1"]?.state).toBe("up"));
  await isDelivered(one, await send(one, "anew-2"));
  expect(one.relay.pid()).toBe(pid);
  expect(one.relay.surprises).toEqual([]);
});

test("metrics have the log's name as a label, each family once, and the process's without", async () => {
  const text = await (await at("/metrics")).text();
  const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? "");
  expect(families).toHaveLength(new Set(families).size);
  for (const name of ["leaf1", "leaf2"]) {
    expect(text).toMatch(
      new RegExp(`^runner_relay_events_settled_total\\{how="delivered",log="${name}"\\} [1-9]`, "m"),
    );
    expect(text).toContain(`runner_relay_log_up{log="${name}"} 1`);
  }
  expect(text).toContain('runner_relay_logs{state="up"} 2');
  expect(text).toMatch(/^runner_relay_resident_memory_bytes \d+$/m);
});

test("after all this the logs are in the order in which they were written", async () => {
  const sessions = [
    "cut",
    "goes-on",
    "killed-leaf1",
    "killed-leaf2",
    "refused",
    "refused-other",
    "anew",
    "anew-other",
    "anew-2",
  ];
  for (const session of sessions) expect(await arrivedOf(session)).toEqual(markersOf(session));
});
