import type { ConsumerConfig, StreamConfig, StreamState } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { judgeBroker } from "../../../../src/shared/messages/checks/broker.ts";
import { judgeClock } from "../../../../src/shared/messages/checks/clock.ts";
import { judgeDamage } from "../../../../src/shared/messages/checks/damage.ts";
import { judgeDead } from "../../../../src/shared/messages/checks/dead-letters.ts";
import type { Line } from "../../../../src/shared/messages/checks/line.ts";
import { judgePermissions, type PermissionFact } from "../../../../src/operate/doctor/permissions.ts";
import type { Reading } from "../../../../src/shared/messages/checks/reading.ts";
import { judgeRoom } from "../../../../src/shared/messages/checks/room.ts";
import { judgeRunners } from "../../../../src/shared/messages/checks/runners.ts";
import { judgeStreams, type StreamFacts } from "../../../../src/shared/messages/checks/streams.ts";
import { judgeWrites } from "../../../../src/operate/doctor/writes.ts";
import {
  consumerPlan,
  deadPlan,
  eventsPlan,
  statePlan,
} from "../../../../src/shared/log/provision/streams.ts";
import { renderLines } from "../../../../src/cli/doctor.ts";
import { PLAIN } from "../../../../src/cli/render/screen.ts";
import { read, failed, brief } from "../../shared/messages/checks/readings.ts";

test.each([
  [{ total: 0, read: 0, untold: 0 }, "ok dead letters: none"],
  [
    { total: 3, read: 3, untold: 0 },
    "ok dead letters: 3; executors received the refusals themselves (`runner-relay dead ls`)",
  ],
  [
    { total: 900, read: 500, untold: 2, untoldSince: 1000 },
    "warn dead letters: 900; no executor received the refusal of 2 of the newest 500; the oldest is 1m 0s old",
  ],
])("dead letters that nobody knows of need somebody", (facts, said) => {
  expect(brief(judgeDead(read(facts), 61_000))).toEqual([said]);
  expect(judgeDead(failed, 0), "the stream has a line of its own").toEqual([]);
});

const MIB = 1024 * 1024;
const at = (bytes: number): StreamState => ({ bytes }) as StreamState;

function streams(
  change: {
    config?: Partial<StreamConfig>;
    bytes?: number;
    info?: Reading<undefined>;
    consumer?: Reading<undefined>;
  } = {},
): StreamFacts {
  const log = eventsPlan({ bytes: 100 * MIB, replicas: 1, duplicateWindowMs: 1000, shardCount: 8 });
  return {
    streams: [
      {
        name: "RR_EVENTS",
        info:
          change.info ??
          read({ config: { ...log, ...change.config } as StreamConfig, state: at(change.bytes ?? 0) }),
      },
      { name: "RR_DEAD", info: read({ config: deadPlan(1) as StreamConfig, state: at(0) }) },
      { name: "KV_RR_STATE", info: read({ config: statePlan(1) as StreamConfig, state: at(0) }) },
    ],
    consumers: Array.from({ length: 8 }, (_, shard) => ({
      shard,
      config:
        shard === 3 && change.consumer !== undefined
          ? change.consumer
          : read(consumerPlan(shard, 8) as ConsumerConfig),
    })),
    sync: { kind: "always" },
  };
}

describe("the broker", () => {
  const connection = read({ url: "127.0.0.1:4222", version: "2.15.2" });

  test.each([
    [
      { connection, jetstream: read({ room: undefined }) },
      ["ok broker: nats-server 2.15.2 at 127.0.0.1:4222", "ok jetstream: enabled"],
    ],
    [
      { connection, jetstream: read({ room: 0 }) },
      [expect.any(String), "warn jetstream: the account has no room left"],
    ],
    [{ connection, jetstream: failed }, [expect.any(String), "fail jetstream: no answer within 3 s"]],
    [
      { connection: read({ url: "u", version: "2.11.0" }), jetstream: undefined },
      [expect.stringMatching(/^fail broker: nats-server 2\.11\.0 lacks/)],
    ],
    [
      { connection: { kind: "failed", why: "log_unreachable: x" } as const, jetstream: undefined },
      ["fail broker: log_unreachable: x"],
    ],
  ])("%#", (facts, expected) => {
    expect(brief(judgeBroker(facts))).toEqual(expected);
  });

  test("a refused login differs from a broker that is away", () => {
    const todo = (why: string): string | undefined =>
      judgeBroker({ connection: { kind: "failed", why }, jetstream: undefined })[0]?.todo;
    expect(todo("broker_refused: no")).toContain("NATS_USER");
    expect(todo("log_unreachable: no")).toContain("start the broker");
  });
});

describe("streams and consumers", () => {
  test("as provisioned", () => {
    expect(brief(judgeStreams(streams()))).toEqual([
      "ok stream RR_EVENTS: as provisioned; 1 replica(s), 0 B of 100 MiB",
      "ok stream RR_DEAD: as provisioned; 1 replica(s), 0 B of 224 MiB",
      "ok stream KV_RR_STATE: as provisioned; 1 replica(s), 0 B of 32 MiB",
      "ok consumers: 8 as provisioned",
      "ok durability: fsync before every acknowledgement",
    ]);
  });

  test.each<[StreamFacts, string]>([
    [streams({ config: { discard: "old" } }), "fail stream RR_EVENTS: discard is old, must be new"],
    [streams({ config: { allow_atomic: false } }), "warn stream RR_EVENTS: not as it must be: allow_atomic"],
    [streams({ info: failed }), "fail stream RR_EVENTS: no answer within 3 s"],
    [streams({ info: read(undefined) }), "fail stream RR_EVENTS: it does not exist"],
    [streams({ consumer: read(undefined) }), "fail consumers: relay-3 does not exist"],
    [streams({ consumer: failed }), "fail consumers: relay-3: no answer within 3 s"],
    [{ ...streams(), sync: { kind: "not_always" } }, "fail durability: the broker does not sync"],
    [{ ...streams(), sync: { kind: "unknown", why: "x" } }, "warn durability: cannot verify"],
    [streams({ config: { num_replicas: 2 } }), "fail durability: 2 replicas"],
  ])("%#: %s", (facts, expected) => {
    const bad = brief(judgeStreams(facts)).filter((line) => !line.startsWith("ok"));
    expect(bad[0]).toMatch(new RegExp(`^${expected}`));
  });
});

describe("room", () => {
  test.each([
    [10, 500, ["ok room in the log", "ok disk"]],
    [80, 500, ["warn room in the log", "ok disk"]],
    [95, 500, ["fail room in the log", "ok disk"]],
    [10, 300, ["ok room in the log", "warn disk"]], // 90 + 224 + 32 MiB may still come
    [10, 63, ["ok room in the log", "fail disk"]],
  ])("%d %% of the log, %d MiB free", (percent, free, expected) => {
    const lines = judgeRoom({ streams: streams({ bytes: percent * MIB }).streams, free: read(free * MIB) });
    expect(lines.map(({ level, check }) => `${level} ${check}`)).toEqual(expected);
  });

  test("a disk on another machine is not judged, one that cannot be read is said", () => {
    expect(judgeRoom({ streams: [], free: undefined })).toEqual([]);
    expect(brief(judgeRoom({ streams: [], free: failed }))).toEqual(["warn disk: no answer within 3 s"]);
  });
});

describe("permissions", () => {
  const fact = (what: string, outcome: PermissionFact["outcome"]): PermissionFact => ({ what, outcome });

  test.each<[PermissionFact[], string]>([
    [[fact("a", read("allowed"))], "ok permissions: this login has the operator's permissions"],
    [
      [fact("a", read("denied")), fact("b", read("denied")), fact("c", failed)],
      "fail permissions: this login may not: a, b",
    ],
    [[fact("a", read("allowed")), fact("c", failed)], "fail permissions: no answer to: c"],
    [
      [fact("a", read("deaf"))],
      "fail permissions: this login may not receive answers on _INBOX_op.>, so it is not an operator's",
    ],
  ])("%#", (facts, expected) => {
    expect(brief([judgePermissions(facts)])).toEqual([expected]);
  });
});

test.each([
  [read(0), "ok clock: this machine's clock is 0.0 s ahead of the broker's"],
  [read(-5000), "ok clock: this machine's clock is 5.0 s behind the broker's"],
  [read(-5001), "warn clock: this machine's clock is 5.0 s behind the broker's"],
  [read(3_600_000), "warn clock: this machine's clock is 3600.0 s ahead of the broker's"],
  [failed, "warn clock: no answer within 3 s"],
])("clock %#", (ahead, expected) => {
  expect(brief([judgeClock(ahead)])).toEqual([expected]);
});

test.each([
  [read(undefined), "ok writes: the broker accepts writes"],
  [read("maximum bytes exceeded"), "fail writes: maximum bytes exceeded"],
  [failed, "fail writes: the broker does not store anything: no answer within 3 s"],
])("writes %#", (refusal, expected) => {
  expect(brief([judgeWrites(refusal)])).toEqual([expected]);
});

test("what is not well says what to do, on a line of its own", () => {
  const lines: Line[] = [
    { check: "a", level: "ok", text: "well" },
    { check: "b", level: "fail", text: "gone", todo: "start it" },
  ];
  expect(renderLines(lines, PLAIN)).toBe("ok    a: well\nfail  b: gone\n      → start it");
  expect(renderLines(lines, { ...PLAIN, columns: 12 })).toBe(
    "ok    a:\n      well\nfail  b:\n      gone\n      →\n      start\n      it",
  );
});

test("what the log holds: an alarm for everything that is gone, noticed before or now", () => {
  const known = {
    v: 1,
    id: "x",
    code: "log_holes",
    at: 0,
    missing: 1,
    ranges: [[7, 7]],
    settled: 0,
    sessions: [],
  } as const;
  expect(brief(judgeDamage(read({ known: [], holes: 0 })))).toEqual([
    "ok contents: the log holds everything that was recorded about it",
  ]);
  const facts = {
    known: [{ ...known, ranges: [[7, 7]] as [number, number][], sessions: [] }],
    holes: 2,
    shortened: { kept: 3, highest: 9 },
  };
  const lines = judgeDamage(read(facts));
  expect(brief(lines)).toEqual([
    "fail contents: events are missing in the middle of the log: 1 stored event is gone, sequences 7",
    "fail contents: the log lost its end: events 4 to 9 (6) were stored and are gone",
    "fail contents: 2 events are missing within the log",
  ]);
  expect(lines.every(({ todo }) => todo !== undefined)).toBe(true);
  expect(brief(judgeDamage(failed))).toEqual(["warn contents: no answer within 3 s"]);
});

test("runners that leave are named with what to do, the first ten of them", () => {
  expect(judgeRunners(read([]), 0)).toEqual([]);
  const lines = judgeRunners(
    read([
      { v: 1, runner: "lnch_1", why: "returned", since: 0, session: "ses_1" },
      { v: 1, runner: "lnch_2", why: "asked", since: 0 },
    ]),
    90_000,
  );
  expect(brief(lines)).toEqual([
    "warn runner lnch_1: is gone, and was registered again for a report of session ses_1; for 1m 30s",
    "warn runner lnch_2: asked to be removed; the coordinator does not know this yet; for 1m 30s",
  ]);
  expect(lines.every(({ todo }) => todo !== undefined)).toBe(true);
  const many = Array.from(
    { length: 12 },
    (_, i) => ({ v: 1, runner: `r${i}`, why: "asked", since: 0 }) as const,
  );
  expect(brief(judgeRunners(read(many), 0)).at(-1)).toBe("warn runners: 2 more runners to be removed");
  expect(brief(judgeRunners(failed, 0))).toEqual(["warn runners: no answer within 3 s"]);
});
