import type { Credentials, CredentialResult } from "../../../../src/shared/credentials/port.ts";
import type { Attempt, CoordinatorRequest } from "../../../../src/relay/coordinator/client.ts";
import type { DeadLetter } from "../../../../src/relay/coordinator/dead-letters.ts";
import type { AttemptKind, PauseReason, Verdict } from "../../../../src/relay/coordinator/verdict.ts";
import type { AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import { createBatchTurn } from "../../../../src/relay/turns/batch.ts";
import { Lane, type Entry } from "../../../../src/relay/lanes/lane.ts";
import type { TurnContext, TurnOutcome } from "../../../../src/relay/lanes/turn-outcome.ts";
import type { PoisonPolicy } from "../../../../src/relay/turns/burial.ts";
import { createTurn, type Turn } from "../../../../src/relay/turns/turn.ts";
import type { Homecomings } from "../../../../src/relay/turns/unregistered.ts";
import type { Envelope } from "../../../../src/shared/log/schema/envelope.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";
import { scriptedGate } from "./scripted.ts";
import { entryOf, envelopeOf } from "./world.ts";

export function response(status: number, body: unknown = { ok: true }): AttemptResult {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    kind: "response",
    status,
    headers: { "content-type": "application/json" },
    body: Buffer.from(text),
    broken: false,
  };
}

/** Everything a turn uses, scripted, with what it did. */
export type Stage = {
  clock: FakeClock;
  turn: Turn;
  batch(lane: Lane, entries: Entry[], context: TurnContext): Promise<TurnOutcome>;
  /** What the coordinator answers. */
  answer: (request: CoordinatorRequest) => AttemptResult;
  sent: CoordinatorRequest[];
  letters: DeadLetter[];
  lettersRefused: boolean;
  /** What becomes of a report whose runner is unknown, and what was asked of it. */
  home: Awaited<ReturnType<Homecomings>>;
  reports: Parameters<Homecomings>[0][];
  /** How long the gate has been up. */
  upMs: number;
  superseded: [id: string, reason: string][];
  pauses: PauseReason[];
  resumed: PauseReason[];
  verdicts: [verdict: Verdict["kind"], probe: boolean][];
  /** How often the gate heard that the coordinator is well, without a verdict. */
  answered: number;
  /** Requests as metrics count them. */
  attempts: AttemptKind[];
  /** False: dead verdicts are not to be carried out. */
  carryOut: boolean;
  handed: string[];
  /** Whether the executor still waited for a refusal. */
  seen: boolean;
  mayForward: boolean;
  /** An operator paused the session. */
  paused: boolean;
  credential: CredentialResult;
  /** What the next credential is, after a refusal. */
  fresh: CredentialResult | undefined;
  /** Runs while a credential is awaited. */
  meanwhile: () => void;
  context: TurnContext;
  lane: Lane;
  entry(over?: Partial<Envelope>, entry?: Partial<Entry>): Entry;
};

export function createStage(policy: PoisonPolicy = "skip"): Stage {
  const clock = createFakeClock();
  const log = silentLogger();
  let seq = 0;
  const gate = {
    ...scriptedGate(),
    verdict(_session: string, verdict: Verdict, probe: boolean) {
      stage.verdicts.push([verdict.kind, probe]);
      return verdict.kind !== "dead" || stage.carryOut;
    },
    upMs: () => stage.upMs,
    answered: () => void stage.answered++,
    pause: (reason: PauseReason) => void stage.pauses.push(reason),
    resume: (reason: PauseReason) => void stage.resumed.push(reason),
  };
  const coordinator = {
    send(request: CoordinatorRequest): Attempt {
      stage.sent.push(request);
      return { result: Promise.resolve(stage.answer(request)), abort() {} };
    },
    close: () => Promise.resolve(),
  };
  const credentials: Credentials = {
    current: () => undefined,
    async headers() {
      stage.meanwhile();
      await Promise.resolve();
      return stage.credential;
    },
    refused() {
      if (stage.fresh !== undefined) stage.credential = stage.fresh;
    },
    describe: () => ({ kind: "none" }),
    close() {},
  };
  const report = {
    attempted: (kind: AttemptKind) => void stage.attempts.push(kind),
    deadLettered() {},
  };
  const turn = createTurn({
    report,
    clock,
    log,
    coordinator,
    credentials,
    gate,
    answers: {
      hand: (to) => void stage.handed.push(`${to} answer`),
      handRefusal(to) {
        stage.handed.push(`${to} refusal`);
        return Promise.resolve(stage.seen);
      },
      accepted: (to) => void stage.handed.push(`${to} accepted`),
      close() {},
    },
    deadLetters: {
      put(letter) {
        if (stage.lettersRefused) return Promise.resolve({ kind: "refused", reason: "full" });
        stage.letters.push(letter);
        return Promise.resolve({ kind: "stored" });
      },
    },
    superseded: { put: (id, reason) => Promise.resolve(void stage.superseded.push([id, reason])) },
    homecoming(report) {
      stage.reports.push(report);
      return Promise.resolve(stage.home);
    },
    policy,
    streamEpoch: 1700,
  });
  const stage: Stage = {
    clock,
    turn,
    batch: createBatchTurn({
      report,
      clock,
      log,
      coordinator,
      credentials,
      gate,
      template: "/sessions/{session_id}/events:batch",
      streamEpoch: 1700,
      turn,
    }),
    answer: () => response(201),
    sent: [],
    letters: [],
    lettersRefused: false,
    home: { kind: "wait", afterMs: 2000, reason: "not yet" },
    reports: [],
    upMs: 0,
    superseded: [],
    pauses: [],
    resumed: [],
    verdicts: [],
    answered: 0,
    attempts: [],
    carryOut: true,
    handed: [],
    seen: true,
    mayForward: true,
    credential: { kind: "ready", headers: { authorization: "Bearer t1" }, generation: 1 },
    fresh: undefined,
    meanwhile: () => {},
    paused: false,
    context: { probe: false, paused: () => stage.paused, began() {} },
    lane: new Lane("s", "s", 0),
    entry(over = {}, fields = {}) {
      seq++;
      const source = { mayForward: () => stage.mayForward, verify: () => Promise.resolve(true), settle() {} };
      const entry = entryOf({ seq, session: "s" }, 100, source, seq, clock.now());
      entry.envelope = {
        ...envelopeOf({ seq, session: "s" }),
        at: clock.wall(),
        body: Buffer.from(`{"n":${seq}}`),
        ...over,
      };
      return Object.assign(entry, fields);
    },
  };
  return stage;
}
