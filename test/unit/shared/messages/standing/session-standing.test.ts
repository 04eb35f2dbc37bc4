import { SHARDS } from "../../../../support/eight-shards.ts";
import { describe, expect, test } from "vitest";
import {
  firstStandings,
  standingOf,
  type SessionSources,
} from "../../../../../src/shared/messages/standing/session-standing.ts";
import type { LaneView } from "../../../../../src/shared/messages/standing/relay-view.ts";

function lane(session: string, more: Partial<LaneView> = {}): LaneView {
  return { session, shard: 0, phase: "ready", events: 1, attempts: 0, reason: "", ...more };
}

function sources(more: Partial<SessionSources>): SessionSources {
  return { lanes: [], moreLanes: 0, shardCount: SHARDS, held: [], wishes: [], ...more };
}

const held = (session: string, reason: string, events = 5): SessionSources["held"][number] => ({
  session,
  reason,
  text: `why ${session}`,
  since: 77,
  from: 1,
  events,
});

describe("the state of a session", () => {
  test.each<[string, Partial<SessionSources>, object]>([
    [
      "its head is on the way",
      { lanes: [lane("s", { phase: "sending", events: 2 })] },
      { state: "sending", events: 2 },
    ],
    ["it waits for a connection", { lanes: [lane("s")] }, { state: "waiting", events: 1, reason: "" }],
    [
      "its head failed",
      {
        lanes: [lane("s", { phase: "backoff", attempts: 3, reason: "503", failedAt: 1009 })],
      },
      { state: "retrying", attempts: 3, reason: "503", since: 1009 },
    ],
    [
      "it failed, and waits its turn in an outage",
      { lanes: [lane("s", { attempts: 1, reason: "503" })] },
      { state: "waiting", attempts: 1, reason: "503" },
    ],
    [
      "it is parked: the log knows how much waits",
      { lanes: [lane("s", { phase: "halted", events: 0 })], held: [held("s", "parked")] },
      { state: "parked", events: 5, reason: "why s", since: 77 },
    ],
    [
      "it is paused, and nothing of it waits",
      { wishes: [{ v: 1, session: "s", action: "pause", text: "wild", at: 5 }] },
      { state: "paused", events: 0, reason: "wild", since: 5 },
    ],
    [
      "it is to go on, but nobody did it yet",
      { held: [held("s", "parked")], wishes: [{ v: 1, session: "s", action: "resume", text: "", at: 5 }] },
      { state: "parked" },
    ],
    [
      "much of it waits in the log",
      { lanes: [lane("s")], held: [held("s", "backlog", 30_000)] },
      { state: "catching up", events: 30_000 },
    ],
    ["another relay has its lane", { held: [held("s", "backlog")] }, { state: "catching up", events: 5 }],
    [
      "everything waits for the coordinator: it says why, and when the coordinator is asked next",
      {
        lanes: [{ ...lane("s"), gate: { phase: "away", since: 7, text: "ECONNREFUSED", nextAt: 9 } }],
      },
      { state: "waiting", reason: "the coordinator is away: ECONNREFUSED", since: 7, nextAt: 9 },
    ],
    [
      "it failed before the outage, and the coordinator asked it to wait for longer",
      {
        lanes: [
          {
            ...lane("s", {
              phase: "backoff",
              attempts: 1,
              reason: "503",
              failingSince: 3,
              nextAt: 99,
              asked: true,
            }),
            gate: { phase: "away", since: 7, text: "ECONNREFUSED", nextAt: 9 },
          },
        ],
      },
      { state: "retrying", reason: "503", since: 3, nextAt: 99 },
    ],
    [
      "its lane waits for its own next try",
      { lanes: [lane("s", { phase: "backoff", attempts: 2, reason: "503", failingSince: 3, nextAt: 50 })] },
      { state: "retrying", since: 3, nextAt: 50 },
    ],
    ["nothing waits", { lanes: [lane("s", { phase: "idle", events: 0 })] }, { state: "idle", events: 0 }],
  ])("%s", (_, given, expected) => {
    expect(standingOf("s", sources(given))).toMatchObject(expected);
  });

  test("of others nothing is known", () => {
    expect(standingOf("t", sources({ lanes: [lane("s")] }))).toBeUndefined();
  });
});

describe("the list of sessions", () => {
  test("sessions that need an operator come first, then those that wait longest; idle ones only in a search", () => {
    const given = sources({
      lanes: [
        lane("few", { events: 2 }),
        lane("idle", { phase: "idle", events: 0 }),
        lane("many", { events: 9, phase: "sending" }),
        lane("sick", { phase: "backoff", attempts: 1 }),
        lane("parked", { phase: "halted", events: 0 }),
      ],
      held: [held("parked", "parked")],
      wishes: [{ v: 1, session: "asleep", action: "pause", text: "", at: 5 }],
    });
    const names = (search?: string): string[] =>
      firstStandings(given, { most: 10, ...(search === undefined ? {} : { search }) }).rows.map(
        (it) => it.session,
      );
    expect(names()).toEqual(["parked", "asleep", "sick", "many", "few"]);
    expect(names("IDL")).toEqual(["idle"]);
  });

  test("of 50,000 sessions the most urgent hundred are shown, quickly", () => {
    const lanes = Array.from({ length: 50_000 }, (_, n) => lane(`s${n}`, { events: (n * 7919) % 50_000 }));
    const began = performance.now();
    const { rows, total } = firstStandings(sources({ lanes }), { most: 100 });
    expect(performance.now() - began).toBeLessThan(1000);
    expect(total).toBe(50_000);
    expect(rows.map(({ events }) => events)).toEqual(Array.from({ length: 100 }, (_, n) => 49_999 - n));
    expect(firstStandings(sources({ lanes }), { search: "s4999", most: 100 }).total).toBe(11);
  });

  test("lanes that relays did not list are counted", () => {
    const given = sources({ lanes: [lane("a"), lane("b")], moreLanes: 40, held: [held("c", "parked")] });
    expect(firstStandings(given, { most: 2 })).toMatchObject({ rows: [{ session: "c" }, {}], total: 43 });
  });
});
