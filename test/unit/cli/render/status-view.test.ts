import { describe, expect, test } from "vitest";
import type { Status } from "../../../../src/operate/status.ts";
import { PLAIN } from "../../../../src/cli/render/screen.ts";
import { renderStatus } from "../../../../src/cli/render/status-view.ts";
import type { RelayState } from "../../../../src/shared/messages/relay-state.ts";

function relay(name: string, shards: number[], standby: number[] | undefined): RelayState {
  return {
    v: 1,
    relay: name,
    shards: shards.map((shard) => ({ shard, behind: false })),
    ...(standby === undefined ? {} : { standby }),
    coordinator: { state: "up" },
    backlog: [],
    overflow: false,
  };
}

function statusOf(relays: RelayState[], damage: Status["damage"] = []): Status {
  return {
    at: "2026-01-01T00:00:00Z",
    log: { messages: 0, bytes: 0, maxBytes: 1, firstSeq: 1, lastSeq: 0, created: "", replicas: 1 },
    backlog: {
      events: 36,
      shards: Array.from({ length: 8 }, (_, shard) => ({ shard, pending: shard, inFlight: 1, ackFloor: 0 })),
      held: [],
      heldSessions: 0,
    },
    dead: { messages: 0, bytes: 0 },
    paused: false,
    controls: { sessions: [] },
    damage,
    leaving: [],
    durability: { durability: "fsync", problems: [] },
    relays,
    rates: { seconds: 1, in: 0, out: 0 },
    sessions: { list: [], source: "relays", complete: true },
    agentSessions: { kind: "absent" },
    unowned: [],
    gates: {},
  };
}

describe("whose shards are whose", () => {
  test.each<[string, RelayState[], string[]]>([
    ["one relay that nothing came to", [relay("a", [], [0, 1, 2, 3, 4, 5, 6, 7])], ["a up none 0-7 0 0"]],
    [
      "two relays: what one has, the other does not, and who stands by is not the owner",
      [relay("a", [2, 0], [1, 3, 4, 5, 6, 7]), relay("b", [1, 3], [0, 2, 4, 5, 6, 7])],
      ["a up 0 2 4-7 2 2", "b up 1 3 4-7 4 2"],
    ],
    [
      "an older relay beside it, which claims all",
      [relay("a", [0, 1], [2, 3]), relay("b", [0, 1, 2, 3, 4, 5, 6, 7], undefined)],
      ["a up 0-1 none 1 2", "b up 0-7 none 28 8"],
    ],
  ])("%s", (_, relays, rows) => {
    const text = renderStatus(statusOf(relays), PLAIN, { now: 0, top: 10 });
    const table = text.split("\n\n")[1]?.split("\n") ?? [];
    expect(table.map((line) => line.trim().replaceAll(/ +/g, " "))).toEqual([
      "RELAY COORDINATOR SHARDS IDLE UNREAD IN HAND",
      ...rows,
    ]);
  });
});

test("what is gone stands first", () => {
  const damage = [
    {
      v: 1,
      id: "x",
      code: "log_holes",
      at: 0,
      missing: 1,
      ranges: [[7, 7]],
      settled: 0,
      sessions: [["ses_1", 1]],
    },
  ] satisfies Status["damage"];
  const text = renderStatus(statusOf([], damage), PLAIN, { now: 0, top: 10 });
  expect(text).toMatch(/^DAMAGED +log_holes: .*1 stored event is gone, sequences 7/);
  expect(renderStatus(statusOf([]), PLAIN, { now: 0, top: 10 })).not.toContain("DAMAGED");
});

test("runners that leave are named, with what is done about them", () => {
  const leaving: Status["leaving"] = [
    { v: 1, runner: "lnch_1", why: "missing", since: 0, session: "ses_1", text: "nothing is kept" },
    { v: 1, runner: "lnch_2", why: "asked", since: 5000 },
    { v: 1, runner: "lnch_3", why: "returned", since: 6000, session: "ses_3" },
  ];
  const text = renderStatus({ ...statusOf([]), leaving }, PLAIN, { now: 10_000, top: 2 });
  expect(text).toMatch(/lnch_1 +10s ago +is gone, and a report of session ses_1 waits: nothing is kept/);
  expect(text).toMatch(/lnch_2 +5s ago +asked to be removed/);
  expect(text).toContain("1 more runner (--top N)");
  expect(text).not.toContain("lnch_3");
});
