import { describe, expect, test } from "vitest";
import { judgeRelays, withReason } from "../../../../../src/shared/messages/checks/relays.ts";
import type { RelayState } from "../../../../../src/shared/messages/relay-state.ts";
import { read, failed, brief } from "./readings.ts";

describe("relays, credentials, coordinator", () => {
  test("what happened and for how long stands behind the code", () => {
    const local = { coordinator: { ok: false, detail: "breaker_open" } };
    const detail = (gate: Parameters<typeof withReason>[1]): string | undefined =>
      withReason(local, gate, 65_000)["coordinator"]?.detail;
    expect(detail({ since: 5000, text: "connect: ECONNREFUSED" })).toBe(
      "breaker_open for 1m 0s: connect: ECONNREFUSED",
    );
    expect(detail({ since: 5000, text: "" })).toBe("breaker_open for 1m 0s");
    expect(detail({})).toBe("breaker_open"); // a relay that only starts
    expect(detail(undefined)).toBe("breaker_open");
  });

  const relay = (state: Partial<RelayState> = {}): RelayState => ({
    v: 1,
    relay: "a",
    shards: Array.from({ length: 8 }, (_, shard) => ({ shard, behind: false })),
    coordinator: { state: "up" },
    backlog: [],
    overflow: false,
    ...state,
  });

  test.each<[Parameters<typeof judgeRelays>[0], string[]]>([
    [
      { heard: read([relay()]), local: read({ log: { ok: true, detail: "" } }) },
      [
        "ok relays: a",
        "ok credentials of a: not refused",
        "ok coordinator by a: answers",
        "ok relay on this machine: ready",
      ],
    ],
    [{ heard: read([]), local: undefined }, ["fail relays: no relay is running"]],
    [
      { heard: failed, local: failed },
      ["fail relays: no answer within 3 s", "fail relay on this machine: no answer within 3 s"],
    ],
    [
      {
        heard: read([
          relay({
            shards: [{ shard: 0, behind: true }],
            coordinator: { state: "away", reason: "breaker_open" },
          }),
        ]),
        local: undefined,
      },
      [
        "warn relays: a; no relay serves shards 1, 2, 3, 4, 5, 6, 7",
        "fail coordinator by a: away: breaker_open",
      ],
    ],
    [
      {
        heard: read([
          relay({ shards: [{ shard: 0, behind: false }], standby: [1, 2, 3] }),
          relay({ relay: "b", shards: [{ shard: 5, behind: false }], standby: [0, 1, 4, 6] }),
        ]),
        local: undefined,
      },
      [
        "warn relays: a, b; no relay serves shards 7",
        "ok credentials of a: not refused",
        "ok coordinator by a: answers",
        "ok credentials of b: not refused",
        "ok coordinator by b: answers",
      ],
    ],
    [
      {
        heard: read([relay({ coordinator: { state: "paused", reason: "token_unavailable" } })]),
        local: undefined,
      },
      ["ok relays: a", "fail credentials of a: paused: token_unavailable"],
    ],
    [
      {
        heard: read([relay({ coordinator: { state: "paused", reason: "paused_by_operator" } })]),
        local: undefined,
      },
      ["ok relays: a", "warn coordinator by a: an operator paused everything"],
    ],
    [
      {
        heard: read([relay({ coordinator: { state: "paused", reason: "poison_stop" } })]),
        local: read({ coordinator: { ok: false, detail: "poison_stop" } }),
      },
      [
        "ok relays: a",
        "fail coordinator by a: paused: poison_stop",
        "ok relay on this machine: runs, but sends nothing; coordinator: poison_stop",
      ],
    ],
    [
      {
        heard: read([relay({ coordinator: { state: "away", reason: "breaker_open" } })]),
        local: read({
          log: { ok: false, detail: "disconnected" },
          coordinator: { ok: false, detail: "breaker_open" },
        }),
      },
      [
        "ok relays: a",
        "fail coordinator by a: away: breaker_open",
        "fail relay on this machine: log: disconnected",
      ],
    ],
    [
      { heard: read([relay()]), local: read({ coordinator: { ok: false, detail: "breaker_open" } }) },
      [
        "ok relays: a",
        "ok credentials of a: not refused",
        "ok coordinator by a: answers",
        "fail relay on this machine: coordinator: breaker_open",
      ],
    ],
  ])("%#", (facts, expected) => {
    expect(brief(judgeRelays(facts))).toEqual(expected);
  });

  test.each(["unauthorized", "token_unavailable"])(
    "%s: the advice names the key as well as the client",
    (reason) => {
      const heard = read([relay({ coordinator: { state: "paused", reason } })]);
      const said = judgeRelays({ heard, local: undefined }).find(({ level }) => level === "fail");
      expect(said?.todo).toMatch(/\bkey\b.*\bclient\b|\bclient\b.*\bkey\b/);
    },
  );
});
