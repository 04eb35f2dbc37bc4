import { describe, expect, it } from "vitest";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";

const BATCH = { path: "/sessions/{session_id}/events:batch", max: 100 };

describe("batches", () => {
  it("ORDER-1: what waits of a session goes as batches, in order, and a poison event takes no innocents with it", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true, batch: true });
    const { append } = createAppender(await broker.connect("gateway"));
    const ids: string[] = [];
    for (let i = 0; i < 150; i++)
      ids.push((await append("ses_a", i === 70 ? { error: { code: 1 } } : {})).id);
    await using relay = await startTestRelay(broker, coordinator.url, { batch: BATCH });
    await expect.poll(() => coordinator.summary().keys).toBe(150);
    const items = coordinator.writes("ses_a").filter((entry) => entry.key !== undefined);
    expect(items.map((entry) => entry.key)).toEqual(ids);
    expect(items.filter((entry) => entry.status !== 201).map((entry) => entry.key)).toEqual([ids[70]]);
    expect(coordinator.summary()).toMatchObject({ inverted: 0, repeats: 0 });
    expect(relay.fatal).toEqual([]);
  });

  it("SETTLE-1: a batch that is refused as a whole is halved down to the one event", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true, batch: true });
    coordinator.faults.set([
      {
        path: "events:batch$",
        body: "poison",
        action: { kind: "status", status: 422, body: { detail: "bad batch" } },
      },
      {
        path: "/events$",
        body: "poison",
        action: { kind: "status", status: 422, body: { detail: "bad event" } },
      },
    ]);
    const { append } = createAppender(await broker.connect("gateway"));
    const ids: string[] = [];
    for (let i = 0; i < 40; i++) ids.push((await append("ses_a", i === 17 ? { content: "poison" } : {})).id);
    await using relay = await startTestRelay(broker, coordinator.url, { batch: BATCH });
    const applied = (): (string | undefined)[] =>
      coordinator
        .writes("ses_a")
        .filter((e) => e.applied && e.key !== undefined)
        .map((e) => e.key);
    await expect.poll(() => applied().length).toBe(39);
    expect(applied()).toEqual(ids.filter((_, i) => i !== 17));
    const operator = await broker.connect("operator");
    const dead = await operator.request(
      "$JS.API.DIRECT.GET.RR_DEAD",
      JSON.stringify({ last_by_subj: `rr.dead.${ids[17]}.>` }),
    );
    expect(dead.headers?.get("Rr-Error")).toBe("bad event");
    expect(dead.headers?.get("Rr-Attempts")).toBe("1");
    const { text } = await relay.get("/metrics");
    expect(text).toContain('runner_relay_attempts_total{verdict="dead"} 1\n'); // of several refusals one judged an event
    expect(text).toMatch(/runner_relay_attempts_total\{verdict="divided"\} [1-9]/);
    expect(relay.fatal).toEqual([]);
  });

  it("ONCE-1: a batch that fails is repeated as it was, with the same keys", async () => {
    await using broker = await provisioned(await startTestBroker());
    await using coordinator = await startCoordinator({ autoCreateSessions: true, batch: true });
    coordinator.faults.set([{ path: "events:batch$", times: 2, action: { kind: "status", status: 503 } }]);
    const { append } = createAppender(await broker.connect("gateway"));
    for (let i = 0; i < 20; i++) await append("ses_a");
    await using relay = await startTestRelay(broker, coordinator.url, { batch: BATCH });
    await expect.poll(() => coordinator.summary()).toMatchObject({ keys: 20, repeats: 0, inverted: 0 });
    expect(relay.fatal).toEqual([]);
  });
});
