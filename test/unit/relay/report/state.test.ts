import type { NatsConnection } from "@nats-io/nats-core";
import { describe, expect, test } from "vitest";
import { backlogOf, claimsOf, createStatePublisher } from "../../../../src/relay/report/state.ts";
import type { BriefContent } from "../../../../src/relay/report/briefs.ts";
import { decodeBrief } from "../../../../src/shared/messages/relay-brief.ts";
import {
  decodeState,
  STATE_INTERVAL_MS,
  type RelayState,
} from "../../../../src/shared/messages/relay-state.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const STATE: Omit<RelayState, "v" | "relay"> = {
  shards: [],
  coordinator: { state: "up" },
  backlog: [],
  overflow: false,
};

function nameOf(subject: string, text: string): string {
  if (subject === "rr.state.r.beat") return text;
  const { number, shards, stopping } = decodeBrief(text) ?? {};
  const waiting = shards?.filter((it) => it.waiting).map(({ shard }) => shard);
  return `${subject} ${number} waiting ${waiting?.join()}${stopping ? " stopping" : ""}`;
}

function setUp(): {
  clock: ReturnType<typeof createFakeClock>;
  said: RelayState[];
  /** What gateways heard: beats as they are, briefs with their number and what is known by then. */
  heard: string[];
  /** The relay's brief; tests change it. */
  brief: BriefContent;
  publisher: ReturnType<typeof createStatePublisher>;
} {
  const clock = createFakeClock();
  const said: RelayState[] = [];
  const heard: string[] = [];
  const brief: BriefContent = {
    relay: "r",
    instance: "i1",
    shards: [{ shard: 2, behind: false, waiting: false }],
    standby: [0],
    coordinator: { state: "up" },
    wholeOnly: false,
  };
  const nc = {
    isClosed: () => false,
    publish(subject: string, text: string) {
      if (subject !== "rr.state.r") return void heard.push(nameOf(subject, text));
      const state = decodeState(text);
      if (state !== undefined) said.push(state);
    },
  } as unknown as NatsConnection;
  const publisher = createStatePublisher({ nc, clock, relay: "r", state: () => STATE, brief: () => brief });
  return { clock, said, heard, brief, publisher };
}

test("the state is published every second, and once for changes that come together", async () => {
  const { clock, said, publisher } = setUp();
  publisher.start();
  await clock.pass(2 * STATE_INTERVAL_MS);
  expect(said).toHaveLength(3);
  for (let i = 0; i < 10; i++) publisher.changed();
  await clock.pass(5);
  expect(said).toHaveLength(4);
  await clock.pass(STATE_INTERVAL_MS);
  expect(said).toHaveLength(5);
});

test("its last word is that it stops: what changes during the drain does not call it alive again", async () => {
  const { clock, said, publisher } = setUp();
  publisher.start();
  publisher.changed();
  publisher.stop();
  publisher.changed();
  await clock.pass(10 * STATE_INTERVAL_MS);
  expect(said.map(({ stopping }) => stopping)).toEqual([undefined, true]);
  expect(clock.pending()).toBe(0);
});

describe("what gateways hear", () => {
  test("a brief when something is new, else a beat of a few bytes", async () => {
    const { clock, heard, brief, publisher } = setUp();
    publisher.start();
    await clock.pass(2 * STATE_INTERVAL_MS);
    expect(heard).toEqual(["rr.state.r.brief 1 waiting ", "i1 1", "i1 1"]);
    brief.coordinator = { state: "away", reason: "breaker_open" };
    publisher.changed();
    await clock.pass(5);
    expect(heard.at(-1)).toBe("rr.state.r.brief 2 waiting ");
    expect(publisher.brief()).toMatchObject({ number: 2, coordinator: { state: "away" } });
    publisher.stop();
    expect(heard.slice(4)).toEqual(["rr.state.r.brief 3 waiting  stopping"]);
  });

  test("that sessions wait is news once a second, however often the state changes, and beats go on", async () => {
    const { clock, heard, brief, publisher } = setUp();
    publisher.start();
    for (let i = 0; i < 50; i++) {
      brief.shards = [{ shard: 2, behind: false, waiting: i % 2 === 0 }];
      publisher.changed();
      await clock.pass(10);
    }
    expect(heard).toHaveLength(1);
    brief.shards = [{ shard: 2, behind: false, waiting: true }];
    await clock.pass(500);
    expect(heard.slice(1)).toEqual(["rr.state.r.brief 2 waiting 2"]);
    for (let i = 0; i < 100; i++) {
      publisher.changed();
      await clock.pass(10);
    }
    expect(heard.slice(2)).toEqual(["i1 2"]);
  });
});

describe("what is claimed", () => {
  type ShardStatus = Parameters<typeof claimsOf>[0][number];
  const status = (shard: number, part: Partial<ShardStatus>): ShardStatus => ({
    shard,
    phase: "active",
    behind: false,
    pending: 0,
    floor: 0,
    delivered: 0,
    ...part,
  });

  test("owned shards are listed, those that it would take are listed apart, and those handed over in neither list", () => {
    const shards = [
      status(0, {}),
      status(1, { behind: true }),
      status(3, { phase: "waiting" }),
      status(4, { phase: "taking_over" }),
      status(5, { phase: "resetting" }),
      status(6, { phase: "handed_over" }),
    ];
    expect(claimsOf(shards, () => true)).toEqual({
      shards: [
        { shard: 0, behind: false },
        { shard: 1, behind: true },
      ],
      standby: [3, 4, 5],
    });
    const counting = claimsOf(shards, (shard) => shard !== 0);
    expect(counting.shards).toContainEqual({ shard: 0, behind: true });
  });
});

describe("what is reported as waiting", () => {
  const held = (
    session: string,
    waiting: number,
    bytes = 0,
  ): Parameters<typeof backlogOf>[0]["held"][number] => ({
    record: { v: 1, session, from: 1, reason: "backlog", text: "", since: 0 },
    waiting,
    bytes,
  });

  test("a held session counts as it is held, not with the few events of its lane", () => {
    const lanes = {
      sessions: [
        { session: "s1", events: 100, bytes: 10 },
        { session: "s2", events: 3, bytes: 30 },
      ],
      overflow: false,
    };
    expect(backlogOf({ held: [held("s1", 40_000, 900)], lanes, idle: ["s3"] }, 10)).toEqual({
      backlog: [
        { session: "s1", events: 40_000, bytes: 900 },
        { session: "s2", events: 3, bytes: 30 },
        { session: "s3", events: 0, bytes: 0 },
      ],
      overflow: false,
    });
  });

  test("with more than can be named, the longest are, and it is said", () => {
    const all = {
      held: [held("s1", 1), held("s2", 3), held("s3", 2)],
      lanes: { sessions: [], overflow: false },
      idle: [],
    };
    const { backlog, overflow } = backlogOf(all, 2);
    expect(backlog.map(({ session }) => session)).toEqual(["s2", "s3"]);
    expect(overflow).toBe(true);
    expect(backlogOf({ ...all, held: [], lanes: { sessions: [], overflow: true } }, 2)).toEqual({
      backlog: [],
      overflow: true,
    });
  });
});
