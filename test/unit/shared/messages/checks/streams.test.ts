import type { StreamConfig, StreamState } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { judgeRoom } from "../../../../../src/shared/messages/checks/room.ts";
import { judgeStreams, type StreamFacts } from "../../../../../src/shared/messages/checks/streams.ts";
import { sessionsPlan, sessionStatePlan } from "../../../../../src/shared/session-log/plans.ts";
import { brief, read } from "./readings.ts";

const MIB = 1024 * 1024;
const at = (bytes: number): StreamState => ({ bytes }) as StreamState;

describe("streams of sessions", () => {
  const sessions = (change: Partial<StreamConfig> = {}, state = true): StreamFacts => {
    const config = { ...sessionsPlan({ bytes: 100 * MIB, replicas: 1 }), ...change } as StreamConfig;
    const bucket = read({ config: sessionStatePlan(1) as StreamConfig, state: at(0) });
    return {
      consumers: [],
      sync: { kind: "always" },
      streams: [
        { name: "RR_SESSIONS", info: read({ config, state: at(0) }) },
        { name: "KV_RR_SES_STATE", info: state ? bucket : read(undefined) },
      ],
    };
  };

  test.each<[StreamFacts, string[]]>([
    [
      sessions(),
      [
        "ok stream RR_SESSIONS: as provisioned; 1 replica(s), 0 B of 100 MiB",
        "ok stream KV_RR_SES_STATE: as provisioned; 1 replica(s), 0 B of 32 MiB",
      ],
    ],
    [
      sessions({ duplicate_window: 1_000_000_000 }, false),
      [
        "warn stream RR_SESSIONS: not as it must be: duplicate_window",
        "fail stream KV_RR_SES_STATE: it does not exist",
      ],
    ],
    [
      sessions({ num_replicas: 2 }),
      [
        "ok stream RR_SESSIONS: as provisioned; 2 replica(s), 0 B of 100 MiB",
        "warn stream RR_SESSIONS: 2 replicas do not survive the failure of one",
        "ok stream KV_RR_SES_STATE: as provisioned; 1 replica(s), 0 B of 32 MiB",
      ],
    ],
    [
      {
        consumers: [],
        sync: { kind: "always" },
        streams: ["RR_SESSIONS", "KV_RR_SES_STATE"].map((name) => ({ name, info: read(undefined) })),
      },
      ["warn stream RR_SESSIONS: it does not exist, so that no agent sessions are served"],
    ],
  ])("%#", (facts, lines) => {
    expect(brief(judgeStreams(facts))).toEqual(lines);
  });

  test("a log of sessions that is nearly full, and its growth, are said", () => {
    const facts = sessions();
    const full = {
      name: "RR_SESSIONS",
      info: read({ config: { max_bytes: 100 * MIB } as StreamConfig, state: at(90 * MIB) }),
    };
    expect(brief(judgeRoom({ streams: [full, ...facts.streams.slice(1)], free: read(500 * MIB) }))).toEqual([
      "warn room in the log of sessions: 90.0 % of 100 MiB used",
      "ok disk: 500 MiB free; the log may still grow by 42 MiB",
    ]);
  });
});
