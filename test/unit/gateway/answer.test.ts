import { describe, expect, test } from "vitest";
import { handoutOf } from "../../../src/gateway/writes/handout.ts";
import { NO_PREFERENCE, readPrefer } from "../../../src/shared/http/prefer.ts";
import { createRelays } from "../../../src/gateway/writes/relays.ts";
import { createRepeats } from "../../../src/gateway/writes/repeats.ts";
import { createWaiting, type Conclusion, type PendingWrite } from "../../../src/gateway/writes/waiting.ts";
import type { Answer } from "../../../src/shared/messages/answer.ts";
import type { RelayState } from "../../../src/shared/messages/relay-state.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

function state(part: Partial<RelayState> = {}): RelayState {
  return {
    v: 1,
    relay: "r1",
    shards: [{ shard: 0, behind: false }],
    coordinator: { state: "up" },
    backlog: [],
    overflow: false,
    ...part,
  };
}

describe("whether an answer can be waited for", () => {
  test.each<[string, RelayState, string | undefined]>([
    ["all is well", state(), undefined],
    ["coordinator away", state({ coordinator: { state: "away" } }), "coordinator_away"],
    [
      "coordinator paused",
      state({ coordinator: { state: "paused", reason: "unauthorized" } }),
      "coordinator_paused",
    ],
    ["the session has a backlog", state({ backlog: [{ session: "s", events: 1, bytes: 10 }] }), "backlog"],
    ["another session has", state({ backlog: [{ session: "t", events: 1, bytes: 10 }] }), undefined],
    ["too many have to be named", state({ overflow: true }), "backlog"],
    ["the shard is behind", state({ shards: [{ shard: 0, behind: true }] }), "backlog"],
    ["nobody owns the shard", state({ shards: [{ shard: 1, behind: false }] }), "no_relay"],
  ])("%s", (_, it, reason) => {
    const relays = createRelays();
    relays.take(it, 1000);
    expect(relays.noWait(0, "s", 1500)).toBe(reason);
  });

  test("silence for 3 s counts as away", () => {
    const relays = createRelays();
    expect(relays.noWait(0, "s", 0)).toBe("no_relay");
    relays.take(state(), 1000);
    expect(relays.noWait(0, "s", 3999)).toBeUndefined();
    expect(relays.noWait(0, "s", 4000)).toBe("no_relay");
    expect(relays.silenced(3999)).toEqual([]);
    expect(relays.silenced(4000)).toEqual([0]);
    expect(relays.silenced(5000)).toEqual([]);
  });

  test("shards are told as lost when their relay stops, pauses or gives them away, once", () => {
    const relays = createRelays();
    const both = [
      { shard: 0, behind: false },
      { shard: 1, behind: false },
    ];
    expect(relays.take(state({ shards: both }), 0)).toEqual([]);
    expect(relays.take(state(), 1)).toEqual([1]);
    expect(relays.take(state({ coordinator: { state: "away" } }), 2)).toEqual([0]);
    expect(relays.take(state({ coordinator: { state: "away" } }), 3)).toEqual([]);
    expect(relays.take(state(), 4)).toEqual([]);
    expect(relays.take(state({ stopping: true }), 5)).toEqual([0]);
  });

  test("while a shard moves, the newest claim counts, and nothing is lost", () => {
    const relays = createRelays();
    relays.take(state(), 0);
    expect(relays.take(state({ relay: "r2", backlog: [{ session: "s", events: 1, bytes: 1 }] }), 10)).toEqual(
      [],
    );
    expect(relays.noWait(0, "s", 11)).toBe("backlog");
    expect(relays.take(state({ shards: [] }), 12)).toEqual([]);
    expect(relays.take(state({ relay: "r2", shards: [], stopping: true }), 13)).toEqual([0]);
  });

  test("an idle shard is nobody's: whoever stands by would have it", () => {
    const relays = createRelays();
    relays.take(state({ shards: [], standby: [0] }), 0);
    expect(relays.noWait(0, "s", 1)).toBeUndefined();
    expect(relays.noWait(1, "s", 1)).toBe("no_relay");
    expect(relays.silenced(3000)).toEqual([0]);
  });

  test("who stands by has no say beside the owner, whoever spoke last; without the owner it has", () => {
    const relays = createRelays();
    const standby = state({ relay: "r2", shards: [], standby: [0, 1] });
    const owner = state({ backlog: [{ session: "s", events: 9, bytes: 9 }] });
    relays.take(owner, 0);
    expect(relays.take(standby, 1)).toEqual([]);
    expect(relays.noWait(0, "s", 2)).toBe("backlog");
    relays.take({ ...standby, coordinator: { state: "away" } }, 3);
    expect(relays.noWait(0, "t", 4)).toBeUndefined();
    expect(relays.noWait(1, "t", 4)).toBe("coordinator_away");
    relays.take(standby, 5);
    expect(relays.take(state({ stopping: true }), 6)).toEqual([]); // the stand-by takes over: its answer may be waited for
    expect(relays.noWait(0, "s", 7)).toBeUndefined();
  });

  test("the summary names the worst state of the coordinator", () => {
    const relays = createRelays();
    expect(relays.summary(0)).toEqual({ relay: "away", coordinator: "unknown" });
    relays.take(state(), 0);
    expect(relays.summary(0)).toEqual({ relay: "up", coordinator: "up" });
    relays.take(state({ relay: "r2", coordinator: { state: "paused", reason: "wrong_address" } }), 0);
    expect(relays.summary(0)).toEqual({ relay: "up", coordinator: "paused", reason: "wrong_address" });
  });
});

describe("Prefer (RFC 7240)", () => {
  test.each([
    [undefined, NO_PREFERENCE],
    ["respond-async", { async: true, waitMs: undefined }],
    ["Respond-Async; foo=bar", { async: true, waitMs: undefined }],
    ["wait=10", { async: false, waitMs: 10_000 }],
    ['respond-async, wait="5"', { async: true, waitMs: 5000 }],
    ["wait = 3 , wait=9", { async: false, waitMs: 3000 }],
    ["wait=100000", { async: false, waitMs: 30_000 }],
    ["wait=0", { async: false, waitMs: 0 }],
    ["wait=-1, wait=abc, wait, wait=1.5", NO_PREFERENCE],
    ["return=minimal,,;;=", NO_PREFERENCE],
    [`${",".repeat(15)}respond-async${",x".repeat(8000)}`, { async: true, waitMs: undefined }],
    [`${",".repeat(16)}respond-async`, NO_PREFERENCE],
  ])("%.80s", (header, preference) => expect(readPrefer(header)).toEqual(preference));
});

describe("an exchange", () => {
  const stored = { kind: "stored", streamSeq: 5, duplicate: false, number: { epoch: "a", seq: 1 } } as const;
  const answer: Answer = { kind: "answer", status: 201, headers: [], body: Buffer.from("{}") };

  function begin(waitMs: number | undefined = 2000, shard = 0) {
    const clock = createFakeClock();
    const waiting = createWaiting(clock);
    const told: Conclusion["kind"][] = [];
    const seen: boolean[] = [];
    const exchange: PendingWrite = waiting.open("e1", shard, waitMs, (conclusion) => {
      told.push(conclusion.kind);
      return true;
    });
    return { clock, waiting, told, seen, exchange, confirm: (it: boolean) => void seen.push(it) };
  }

  test("the coordinator's answer is handed on when both it and the log's word are there, in either order", () => {
    const a = begin();
    a.waiting.settled(a.exchange, stored);
    expect(a.told).toEqual([]);
    expect(a.waiting.answered("e1", answer, a.confirm)).toBe(true);
    expect([a.told, a.seen, a.waiting.size]).toEqual([["answer"], [true], 0]);
    a.clock.jump(5000);
    expect(a.told).toEqual(["answer"]);

    const b = begin();
    expect(b.waiting.answered("e1", answer, b.confirm)).toBe(true);
    expect(b.told, "DURABLE-1: nothing before the log's word").toEqual([]);
    b.waiting.settled(b.exchange, stored);
    expect([b.told, b.seen]).toEqual([["answer"], [true]]);
  });

  test("without a wait the log's word is enough", () => {
    const { waiting, exchange, told } = begin(undefined, 0);
    const free = createWaiting(createFakeClock());
    const other = free.open("e2", 0, undefined, (conclusion) => told.push(conclusion.kind) > 0);
    expect(free.answered("e2", answer, undefined)).toBe(false);
    free.settled(other, stored);
    expect(told).toEqual(["accepted"]);
    waiting.settled(exchange, stored);
  });

  test("the wait ends with time, with `accepted`, with the loss of the relay: 202 as soon as it is stored", () => {
    const timed = begin();
    timed.waiting.settled(timed.exchange, stored);
    timed.clock.jump(1999);
    expect(timed.told).toEqual([]);
    timed.clock.jump(1);
    expect(timed.told).toEqual(["accepted"]);
    expect(timed.waiting.answered("e1", answer, timed.confirm)).toBe(false);

    const refused = begin();
    refused.waiting.settled(refused.exchange, stored);
    refused.waiting.answered("e1", { kind: "accepted", reason: "away" }, undefined);
    expect(refused.told).toEqual(["accepted"]);

    const lost = begin(2000, 3);
    lost.waiting.release([1, 2]);
    lost.waiting.release([3]);
    expect(lost.told, "DURABLE-1").toEqual([]);
    lost.waiting.settled(lost.exchange, stored);
    expect(lost.told).toEqual(["accepted"]);
  });

  test("an answer that is there already outlives the end of the wait", () => {
    const { waiting, exchange, told, clock, confirm } = begin();
    waiting.answered("e1", answer, confirm);
    waiting.close();
    clock.jump(10_000);
    waiting.settled(exchange, stored);
    expect(told).toEqual(["answer"]);
  });

  test("after the end of all waits those that come later do not wait either", () => {
    const { waiting, told } = begin();
    waiting.close();
    const later: string[] = [];
    const exchange = waiting.open("e2", 0, 2000, ({ kind }) => later.push(kind) > 0);
    expect([told, later], "DURABLE-1").toEqual([[], []]);
    waiting.settled(exchange, stored);
    expect(later).toEqual(["accepted"]);
    expect(waiting.size).toBe(0);
  });

  test("what could not be stored fails, even with an answer", () => {
    const { waiting, exchange, told, seen, confirm } = begin();
    waiting.answered("e1", answer, confirm);
    waiting.settled(exchange, { kind: "failed", code: "log_unreachable", detail: "" });
    expect([told, seen]).toEqual([["failed"], [false]]);
  });

  test("what an earlier process stored has its answer elsewhere: no wait", () => {
    const { waiting, exchange, told } = begin();
    waiting.settled(exchange, { ...stored, duplicate: true, number: undefined });
    expect(told).toEqual(["accepted"]);
  });
});

describe("the coordinator's answer as it is handed out", () => {
  const of = (status: number, body: string, headers: [string, string][] = []) => {
    const handout = handoutOf({ kind: "answer", status, headers, body: Buffer.from(body) });
    return { ...handout, body: Buffer.from(handout.body).toString() };
  };

  test("status, end-to-end headers and body", () => {
    const headers: [string, string][] = [
      ["Content-Type", "application/json"],
      ["Connection", "close"],
      ["Transfer-Encoding", "chunked"],
      ["Content-Length", "999"],
      ["Retry-After", "3"],
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ];
    expect(of(201, '{"ok": true}', headers)).toEqual({
      status: 201,
      headers: { "content-type": "application/json", "retry-after": "3", "set-cookie": ["a=1", "b=2"] },
      body: '{"ok": true}',
    });
    expect(of(404, '{"detail":"Session not found"}').body).toBe('{"detail":"Session not found"}');
    expect(of(500, "").body).toBe("");
  });

  test("headers that `Connection` names end at the gateway, like those that always do", () => {
    const { headers } = of(200, "{}", [
      ["X-Hop", "1"],
      ["Connection", "close, x-hop"],
      ["connection", "X-Other"],
      ["x-other", "2"],
      ["Keep-Alive", "timeout=5"],
      ["Content-Length", "2"],
      ["X-Kept", "3"],
    ]);
    expect(headers).toEqual({ "x-kept": "3" });
  });

  test.each([
    [200, ""],
    [204, ""],
    [200, "[1]"],
    [200, "null"],
    [201, "<html>"],
  ])("a success without a JSON object says ok: %i %s", (status, body) => {
    expect(of(status, body)).toMatchObject({
      status: status === 204 ? 200 : status,
      body: '{"ok":true}',
      headers: { "content-type": "application/json" },
    });
  });

  test("names of headers that objects have by themselves, and one that comes often", () => {
    const odd: [string, string][] = [
      ["constructor", "a"],
      ["__proto__", "b"],
      ["toString", "c"],
    ];
    const many = Array.from({ length: 20_000 }, (): [string, string] => ["x", "y"]);
    const { headers } = of(200, "{}", [...odd, ...many]);
    expect(Object.entries(headers).slice(0, 3)).toEqual([
      ["constructor", "a"],
      ["__proto__", "b"],
      ["tostring", "c"],
    ]);
    expect(headers["x"]).toHaveLength(20_000);
  });

  test.each([
    [`{"a":[${"{},".repeat(1_000_000)}{}]}`, true],
    [` ${"[".repeat(100_000)}`, false],
    [`{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`, true],
    [`{"a":"${"x".repeat(100_000)}"}\n`, true],
    [`[${"1,".repeat(100_000)}1]`, false],
    ["\ufeff{}", false],
  ])(
    "an answer that is too costly to read is handed out as it is, if it looks like an object: %.20s",
    (body, same) => {
      expect(of(200, body).body).toBe(same ? body : '{"ok":true}');
    },
  );

  test("a compressed body is not looked into", () => {
    expect(of(200, "gzip bytes", [["Content-Encoding", "gzip"]]).body).toBe("gzip bytes");
  });
});

describe("repeated keys within one process", () => {
  const accepted: Conclusion = {
    kind: "accepted",
    stored: { kind: "stored", streamSeq: 5, duplicate: false, number: undefined },
  };

  test("a repetition follows the first while it is on its way, and is answered from memory after it", () => {
    const repeats = createRepeats();
    const heard: Conclusion[] = [];
    expect(repeats.begin("k", "d", () => undefined).kind).toBe("first");
    expect(repeats.begin("k", "d", (it) => void heard.push(it)).kind).toBe("following");
    expect(repeats.begin("k", "other", () => undefined).kind).toBe("conflict");
    repeats.end("k", accepted);
    expect(heard).toEqual([accepted]);
    expect(repeats.begin("k", "d", () => undefined)).toEqual({ kind: "stored", conclusion: accepted });
    expect(repeats.begin("k", "other", () => undefined).kind).toBe("conflict");
  });

  test("a failure is told to followers and then forgotten", () => {
    const repeats = createRepeats();
    const heard: string[] = [];
    repeats.begin("k", "d", () => undefined);
    repeats.begin("k", "d", (it) => void heard.push(it.kind));
    repeats.end("k", { kind: "failed", outcome: { kind: "failed", code: "log_full", detail: "" } });
    expect(heard).toEqual(["failed"]);
    expect(repeats.begin("k", "other", () => undefined).kind).toBe("first");
  });

  test("memory is bounded, and never forgets one on its way", () => {
    const repeats = createRepeats(2);
    repeats.begin("a", "d", () => undefined);
    repeats.begin("b", "d", () => undefined);
    repeats.end("b", accepted);
    repeats.begin("c", "d", () => undefined);
    expect(repeats.begin("a", "d", () => undefined).kind).toBe("following");
    expect(repeats.begin("b", "d", () => undefined).kind).toBe("first");
  });
});
