import type { JetStreamManager } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Attempt, Coordinator } from "../../../../src/relay/coordinator/client.ts";
import { createGate } from "../../../../src/relay/coordinator/gate.ts";
import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import {
  createLanes,
  createPace,
  MAX_WHOLE_BYTES,
  ownConnections,
  type Connections,
  type Lanes,
} from "../../../../src/relay/lanes/index.ts";
import type { Source } from "../../../../src/relay/source/source.ts";
import { createTurns } from "../../../../src/relay/turns/turns.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { later } from "../../../../src/shared/base/later.ts";
import type { Credentials } from "../../../../src/shared/credentials/index.ts";
import { Settled } from "../../../../src/shared/log/state/settled.ts";
import { SHARDS } from "../../../support/eight-shards.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";
import { scriptedAnswers } from "./scripted.ts";
import { response } from "./turn-stage.ts";
import { entryOf } from "./world.ts";

/** A request on its way, which the coordinator answers when it wants. */
export type Visit = { session: string; answer: (status: number) => void };
/** What the coordinator does with a request; `present` are there, this one included. */
export type Crowd = (visit: Visit, present: number, clock: FakeClock) => void;

/** Gate, turns and lanes as they are, on a clock of the test, before a coordinator that is played. */
export type CrowdWorld = {
  clock: FakeClock;
  /** Answers with 201 and others, and how long those with 201 took. */
  answered: { well: number; refused: number; ms: number[]; most: number };
  /** The order in which each session's events were first sent. */
  first: Map<string, number[]>;
  allowed: () => number;
  /** Phases of the gate. */
  phases: string[];
  /** Appends events to sessions in turn. */
  append: (events: number, sessions: readonly string[]) => void;
};

const HALF_MS = 0.3;
const READY = { kind: "ready", headers: {}, generation: 1 } as const;
const credentials = {
  current: () => READY,
  headers: () => Promise.resolve(READY),
  refused() {},
} as unknown as Credentials;

/** `connections`: those that the lanes may use, as before there was a pace. */
export async function createCrowd(crowd: Crowd, connections?: Connections): Promise<CrowdWorld> {
  const clock = createFakeClock();
  const log = silentLogger();
  let seed = 7;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const lanes = later<Lanes>("the lanes");
  const total = 32;
  const pace = createPace({ clock, connections: ownConnections(total), total });
  const world: CrowdWorld = {
    clock,
    answered: { well: 0, refused: 0, ms: [], most: 0 },
    first: new Map(),
    allowed: pace.most,
    phases: [],
    append(events, sessions) {
      for (let i = 0; i < events; i++) {
        const session = sessions[i % sessions.length] ?? "";
        const entry = entryOf({ seq: ++seq, session }, 100, source, seq, clock.now());
        lanes.get().dispatcher.accept(session, session, 0, entry);
      }
    },
  };
  let seq = 0;
  let present = 0;
  const source: Source = { mayForward: () => true, verify: () => Promise.resolve(true), settle() {} };

  function visit(session: string): Attempt {
    const { promise, resolve } = Promise.withResolvers<AttemptResult>();
    const began = clock.now();
    let [isThere, isOver] = [false, false];
    const leave = (): void => {
      if (isThere && !isOver) present--;
      isOver = true;
    };
    const answer = (status: number): void => {
      if (isOver) return;
      leave();
      if (status === 201) world.answered.ms.push(clock.now() - began);
      world.answered[status === 201 ? "well" : "refused"]++;
      clock.after(HALF_MS, () => resolve(response(status)));
    };
    clock.after(HALF_MS, () => {
      if (isOver) return;
      isThere = true;
      world.answered.most = Math.max(world.answered.most, ++present);
      crowd({ session, answer }, present, clock);
    });
    return {
      result: promise,
      abort(cause) {
        leave();
        resolve({ kind: "failed", cause, text: "given up" });
      },
    };
  }

  const coordinator: Coordinator = {
    close: () => Promise.resolve(),
    send({ path, headers }) {
      const session = path.split("/")[2] ?? "";
      if (path === "/health") return { result: Promise.resolve(response(200)), abort() {} };
      const order = world.first.get(session) ?? [];
      const number = Number(headers["Rr-Stream-Seq"]?.split("-")[1]);
      if (!order.includes(number)) world.first.set(session, [...order, number]);
      return visit(session);
    },
  };
  const gate = createGate({
    clock,
    random,
    log,
    health: () => Promise.resolve({ kind: "well" }),
    offer: () => lanes.get().dispatcher.offerProbe(),
    changed() {
      world.phases.push(gate.state().phase);
      if (gate.state().phase !== "up") return;
      pace.begin();
      lanes.get().dispatcher.opened();
    },
  });
  const turn = createTurns({
    clock,
    log,
    coordinator,
    gate,
    credentials,
    answers: scriptedAnswers(() => {}),
    streamEpoch: 1,
    policy: "skip",
    report: {
      attempted: (_verdict: unknown, ms: number, result: AttemptResult) => pace.attempted(result, ms),
    },
  } as unknown as Parameters<typeof createTurns>[0]);
  lanes.set(
    createLanes({
      shardCount: SHARDS,
      nc: {} as NatsConnection,
      jsm: {} as JetStreamManager,
      kv: {} as KV,
      clock,
      random,
      log,
      gate,
      answers: scriptedAnswers(() => {}),
      connections: connections ?? pace,
      attemptTimeoutMs: 30_000,
      exhaustAfterMs: 900_000,
      batchMax: 1,
      holdAbove: undefined,
      lagMs: 0,
      mostWholeBytes: () => MAX_WHOLE_BYTES,
      turn,
      read: () => Promise.resolve(undefined),
      readLeader: () => Promise.resolve("none"),
      settled() {},
      fence: () => ({ mayForward: () => true, verify: () => Promise.resolve(true), settled: new Settled() }),
      owns: () => true,
      serves: () => true,
      changed() {},
      gap() {},
      foreign() {},
      fatal() {},
    }),
  );
  gate.start();
  await clock.pass(1);
  return world;
}
