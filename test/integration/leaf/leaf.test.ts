import { tmpdir } from "node:os";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EVENTS_STREAM, STATE_BUCKET, stateKey } from "../../../src/shared/log/schema/topology.ts";
import { firstApplied, unexcused } from "../../faults/checker.ts";
import { startLeafHome, type LeafHome, type LeafHost } from "../../faults/leaf/home.ts";
import { runCommand } from "../../support/command.ts";
import { eventually } from "../../support/eventually.ts";
import type { Finished } from "../../support/up.ts";
import { markersOf, send, stateOf, type Stored } from "./events.ts";

// The files of `provision --leaf`, read by real servers: a hub, and two hosts with a log and a gateway each, whose relays run at the hub.

let home: LeafHome;
let one: LeafHost;
let other: LeafHost;

beforeAll(async () => {
  home = await startLeafHome(2);
  [one, other] = home.hosts as [LeafHost, LeafHost];
});
afterAll(() => home[Symbol.asyncDispose]());

type RelayShown = { state: string; since?: string; waiting?: { events: number; bytes: number } };

async function relayAt(host: LeafHost): Promise<string> {
  return (await relayOf(host)).state;
}

async function relayOf(host: LeafHost): Promise<RelayShown> {
  const ready = (await (await fetch(`${host.gatewayService.url()}/_relay/ready`)).json()) as {
    ready: boolean;
    durability: string;
    dependencies: { relay: RelayShown };
  };
  expect(ready).toMatchObject({ ready: true, durability: "fsync" });
  return ready.dependencies.relay;
}

/** A command at the hub, for the log of this host. */
function atHub(host: LeafHost, role: "operator" | "prune" | "admin", ...args: string[]): Promise<Finished> {
  const { servers, user = "", password = "" } = host.access("hub", role);
  return runCommand(args, {
    // nobody's home: `doctor` would ask the gateways of the person who runs these tests
    env: { NATS_URL: servers.join(","), NATS_USER: user, NATS_PASSWORD: password, HOME: tmpdir() },
  });
}

test.each(["cut", "stalled"] as const)(
  "a host whose link is %s goes on with 202 and catches up in order; the other one notices nothing",
  async (how) => {
    const before = await send(one, `${how}-1`);
    await eventually(async () => expect(await stateOf(one, before)).toBe("delivered"));
    one.link.set({ kind: how });
    await eventually(async () => expect(await relayAt(one)).toBe("away"));
    const waiting: Stored[] = [];
    for (let i = 0; i < 30; i++) waiting.push(await send(one, `${how}-${i % 3}`));
    expect(await stateOf(one, before), "receipts are the relay's").toContain("relay_unavailable");
    expect(await relayOf(one), "since when, and what waits of this gateway").toMatchObject({
      since: expect.stringMatching(/^20/),
      waiting: { events: expect.toSatisfy((events: number) => events >= 30) },
    });
    const elsewhere = await send(other, `${how}-other`);
    await eventually(async () => expect(await stateOf(other, elsewhere)).toBe("delivered"));
    expect(firstApplied(await home.arrivals()).has(waiting[0]?.marker ?? "")).toBe(false);
    one.link.set({ kind: "open" });
    for (const stored of waiting)
      await eventually(async () => expect(await stateOf(one, stored)).toBe("delivered"));
    const came = (await home.arrivals()).map(({ marker }) => marker);
    for (const session of [0, 1, 2].map((i) => `${how}-${i}`)) {
      const own = came.filter((marker) => marker?.startsWith(`${session}:`));
      expect([...new Set(own)]).toEqual(markersOf(session));
    }
  },
);

test("commands at the hub reach the log of their host, and of no other", async () => {
  const stored = await send(one, "commanded");
  await eventually(async () => expect(await stateOf(one, stored)).toBe("delivered"));
  const status = JSON.parse((await atHub(one, "operator", "status", "--json")).stdout) as {
    relays: { relay: string }[];
  };
  expect(
    status.relays.map(({ relay }) => relay),
    "of this log only",
  ).toEqual(["relay-leaf1"]);
  const deliveries = await atHub(one, "operator", "deliveries", "--session", "commanded");
  expect(deliveries.stdout).toContain("delivered");
  expect((await atHub(other, "operator", "deliveries", "--session", "commanded")).stdout).not.toContain(
    stored.event_id,
  );
  const replay = await atHub(one, "operator", "replay", "--session", "commanded", "--yes");
  expect(replay.stdout).toContain("1 event sent again");
  await expect
    .poll(async () => (await home.arrivals()).filter(({ marker }) => marker === stored.marker).length)
    .toBe(2);
  expect((await atHub(one, "operator", "pause", "--session", "commanded")).stdout).toContain("is paused");
  const held = await send(one, "commanded");
  expect((await atHub(one, "operator", "resume", "--session", "commanded")).stdout).toContain("resumed");
  await eventually(async () => expect(await stateOf(one, held)).toBe("delivered"));
  const doctor = await atHub(one, "operator", "doctor");
  expect(doctor.stdout.match(/^fail.*$/gm)).toBeNull();
  expect((await atHub(one, "admin", "provision")).stdout).toContain("log: 256 MiB, 1 copy");
});

test("at the hub, commands for a host that is cut off say so, and nothing is to be made or deleted", async () => {
  one.link.set({ kind: "cut" });
  await eventually(async () => expect(await relayAt(one)).toBe("away"));
  for (const words of [["status"], ["tail", "--no-follow"], ["dead", "ls"], ["resume", "--session", "s"]]) {
    const { code, stderr } = await atHub(one, "operator", ...words);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("log_unreachable") });
    expect(stderr).toContain("a host that is cut off from its hub");
  }
  expect((await atHub(one, "prune", "prune")).stderr).toContain("log_unreachable");
  expect((await atHub(one, "admin", "provision")).stderr).toContain("a host that is cut off from its hub");
  expect((await atHub(one, "operator", "doctor")).stdout).toContain("check the link to that host");
  one.link.set({ kind: "open" });
  await eventually(async () => expect(await relayAt(one)).toBe("up"));
});

test("ONCE-1: a relay whose host is cut off says so and sends nothing more, so that a relay that follows it repeats nothing else", async () => {
  const session = "slow";
  const moments: number[] = [];
  await home.coordinator.setFaults([{ session, action: { kind: "delay", ms: 50 } }]);
  const sent: Stored[] = [];
  for (let i = 0; i < 200; i++) sent.push(await send(one, session));
  const arrived = async (): Promise<number> =>
    (await home.arrivals()).filter(({ marker }) => marker?.startsWith(`${session}:`)).length;
  const before = await arrived();
  await expect.poll(arrived).toBeGreaterThan(before + 5);
  moments.push(Date.now());
  one.link.set({ kind: "cut" });
  const { origin } = new URL(one.relay.url());
  await expect.poll(async () => (await fetch(`${origin}/ready`)).status).toBe(503);
  moments.push(Date.now());
  await one.relay.kill9();
  one.link.set({ kind: "open" });
  await home.coordinator.setFaults([]);
  for (const stored of sent)
    await eventually(async () => expect(await stateOf(one, stored)).toBe("delivered"));
  const own = (await home.arrivals()).filter(({ marker }) => marker?.startsWith(`${session}:`));
  expect(unexcused(own, moments)).toEqual([]);
});

test("SETTLE-1: each log is pruned from the hub, below what is not settled, and the other one is not", async () => {
  const first = await send(one, "pruned");
  await eventually(async () => expect(await stateOf(one, first)).toBe("delivered"));
  const firstAt = async (host: LeafHost): Promise<number> => {
    const jsm = await jetstreamManager(await host.connect("host", "operator"), { checkAPI: false });
    return (await jsm.streams.info(EVENTS_STREAM)).state.first_seq;
  };
  const untouched = await firstAt(other);
  await atHub(one, "operator", "pause", "--session", "pruned");
  const unsettled = await send(one, "pruned");
  await expect
    .poll(async () => {
      await atHub(one, "prune", "prune", "--retention", "1s");
      return await firstAt(one);
    })
    .toBe(unsettled.stream_seq);
  expect(await firstAt(other)).toBe(untouched);
  await atHub(one, "operator", "resume", "--session", "pruned");
  await eventually(async () => expect(await stateOf(one, unsettled)).toBe("delivered"));
});

/** Which of these subjects the hub's server refuses. It names the mapped ones, so that the client does not know which request was meant. */
async function refusedOf(nc: NatsConnection, subjects: readonly string[]): Promise<string[]> {
  const refused: string[] = [];
  void (async () => {
    for await (const status of nc.status())
      if (status.type === "error") refused.push(/"(.*)"/.exec(status.error.message)?.[1] ?? "");
  })();
  for (const subject of [...subjects, "nobody.may"]) nc.publish(subject);
  await expect.poll(() => refused.at(-1)).toBe("nobody.may");
  return refused.slice(0, -1);
}

test("users at the hub may do what their role may, and the host's own login may not work with the log", async () => {
  const relay = await one.connect("hub", "relay");
  const operator = await one.connect("hub", "operator");
  const purge = `$JS.leaf1.API.STREAM.PURGE.${EVENTS_STREAM}`;
  const forRelay = [purge, `$JS.leaf2.API.STREAM.INFO.${EVENTS_STREAM}`, "rr.ev.0.leaf1.s.event"];
  const mapped = [`$JS.API.STREAM.PURGE.${EVENTS_STREAM}`, `$JS.API.STREAM.INFO.${EVENTS_STREAM}`];
  expect(await refusedOf(relay, [...forRelay, ...mapped])).toEqual([...forRelay, purge]);
  const pruned = `$KV.${STATE_BUCKET}.${stateKey.pruned}`;
  const forOperator = [purge, `$JS.leaf1.API.${pruned}`];
  expect(await refusedOf(operator, [...forOperator, pruned])).toEqual([...forOperator, forOperator[1]]);
  const forLink = [purge, "rr.replay.0.leaf1.s.event", "rr.state.x", "_INBOX_gw.gw1.x"];
  expect(await refusedOf(await one.connectLink(), [...forLink, "rr.rpc.http.gw1"])).toEqual(forLink);
});
