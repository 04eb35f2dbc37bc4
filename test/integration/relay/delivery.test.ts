import { describe, expect, it } from "vitest";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay, watchStates } from "../../support/relay.ts";

describe("a relay forwards what the log holds", () => {
  it("ORDER-1: events of a session arrive in the order of the log, with their keys", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(broker, coordinator.url);
    const { append } = createAppender(await broker.connect("gateway"));
    const sent: string[] = [];
    for (let i = 0; i < 50; i++) sent.push((await append("ses_a")).id);
    await expect.poll(() => coordinator.writes("ses_a").length).toBe(50);
    expect(coordinator.writes("ses_a").map((entry) => entry.key)).toEqual(sent);
    expect(coordinator.writes("ses_a").map((entry) => entry.status)).toEqual(sent.map(() => 201));
    expect(relay.fatal).toEqual([]);
  });

  it("ORDER-1: an outage holds everything back, in order, and nothing is lost", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(broker, coordinator.url);
    const nc = await broker.connect("gateway");
    const states = watchStates(nc);
    const { append } = createAppender(nc);
    await append("ses_a");
    await expect.poll(() => coordinator.writes().length).toBe(1);
    await coordinator.stop();
    for (let i = 0; i < 20; i++) for (const session of ["ses_a", "ses_b", "ses_c"]) await append(session);
    await expect.poll(() => states.get("relay-a")?.coordinator.state).toBe("away");
    await coordinator.start();
    await expect.poll(() => coordinator.summary().keys).toBe(61);
    expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
    await expect.poll(() => states.get("relay-a")?.coordinator.state).toBe("up");
    expect(relay.fatal).toEqual([]);
  });

  it("SETTLE-1: a poison event becomes one dead letter, its neighbours are delivered in order", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    await using relay = await startTestRelay(broker, coordinator.url);
    const { append } = createAppender(await broker.connect("gateway"));
    const all: string[] = [];
    for (let i = 0; i < 30; i++) all.push((await append("ses_a", i === 13 ? { error: { code: 1 } } : {})).id);
    await expect.poll(() => coordinator.writes("ses_a").length).toBe(30);
    const refused = coordinator.writes("ses_a").filter((entry) => entry.status === 422);
    expect(refused.map((entry) => entry.key)).toEqual([all[13]]);
    const admin = await broker.connect("operator");
    const dead = await admin.request(
      "$JS.API.DIRECT.GET.RR_DEAD",
      JSON.stringify({ last_by_subj: `rr.dead.${all[13]}.>` }),
    );
    expect(dead.headers?.get("Rr-Status")).toBe("422");
    expect(dead.headers?.get("Rr-Attempts")).toBe("1");
    expect(dead.headers?.get("Rr-Error")).toContain("valid string");
    expect(relay.fatal).toEqual([]);
  });

  it("ONCE-1: a relay that starts again sends nothing twice", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true });
    const first = await startTestRelay(broker, coordinator.url);
    const { append } = createAppender(await broker.connect("gateway"));
    for (let i = 0; i < 20; i++) await append("ses_a");
    await expect.poll(() => coordinator.writes().length).toBe(20);
    await first.close();
    for (let i = 0; i < 20; i++) await append("ses_a");
    await using second = await startTestRelay(broker, coordinator.url, { relay: "relay-b" });
    await expect.poll(() => coordinator.writes().length).toBe(40);
    expect(new Set(coordinator.writes().map((entry) => entry.key)).size).toBe(40);
    expect(second.fatal).toEqual([]);
  });
});
