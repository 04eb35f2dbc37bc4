import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { rest } from "../../shared/base/rest.ts";
import { answerOurselves } from "./answers.ts";
import type { Tried } from "./attempt.ts";
import type { Call } from "./call.ts";
import type { KeptList } from "./kept-list.ts";
import { createKeptRemovals, type KeptRemoval } from "./kept-removals.ts";
import { isOurs } from "./verdict.ts";
import type { Way } from "./way.ts";

/** How long a removal may take here. The runner waits 35 s; a relay needs up to 5 s for the runner's reports and 10 s for the coordinator's answer. */
const LEAVE_MS = 25_000;
/** Between two tries to send the removals that are kept, while a relay is heard. */
const RETRY_MS = 2000;
/** How long a registration waits at most until the kept removals are sent. */
const BEFORE_REGISTER_MS = 5000;
/** A removal is kept no longer: the coordinator has forgotten the runner long before. */
const KEPT_MS: number = 24 * 60 * 60_000;
/** Longest answer to a removal that is read; real ones are short. */
const MAX_ANSWER_BYTES = 4096;
const KEPT = '{"ok":true,"message":"The runner will be removed as soon as possible","initiated_by":"self"}';
/** Statuses about credentials, time and patience. They say nothing about the runner, so the removal is tried again. */
const LATER = new Set([401, 403, 408, 425, 429]);

/** Removals that runners requested while no relay was running (ADR 0023). */
export type Leaves = {
  /** Serves `DELETE /runners/{id}?self=true`. */
  serve(call: Call, runner: string): Promise<void>;
  /** The runner polls, so it does not leave. */
  heard(runner: string): void;
  /** Sends the kept removals, if a relay is there. A runner that registers before that would be taken for a second one. */
  beforeRegister(): Promise<void>;
  /** The removals that are kept here. */
  waiting(): KeptRemoval[];
  stop(): void;
};

/** Does this answer of the coordinator settle a removal? Pure. */
export function isRemoved(status: number): boolean {
  return status < 300 || (status >= 400 && status < 500 && !LATER.has(status));
}

type LeavesDeps = {
  attempt: (call: Call, limitMs: number) => Promise<Tried>;
  handOn: (call: Call, tried: Extract<Tried, { kind: "answer" | "failed" }>) => void;
  ask: (
    method: string,
    target: string,
    limits: { limitMs: number; bytes: number },
  ) => Promise<{ status: number } | undefined>;
  answered: (call: Call, what: "leave", fields: Record<string, unknown>) => void;
  way: Way;
  kept: KeptList<KeptRemoval>;
  clock: Clock;
  logger: Logger;
};

export function createLeaves(deps: LeavesDeps): Leaves {
  const { way, clock } = deps;
  const kept = createKeptRemovals(deps);
  let cancel = (): void => {};
  let sending: Promise<void> | undefined;

  function again(): void {
    cancel();
    if (kept.size() > 0) cancel = clock.after(RETRY_MS, () => void send().finally(again));
  }

  /** Sends the removals one after the other, until one gets no answer. */
  async function sendAll(): Promise<void> {
    for (const [runner, since] of kept.all()) {
      if (way.broken) return;
      if (clock.wall() - since > KEPT_MS) {
        kept.drop(runner, "gave up the removal of a runner");
        continue;
      }
      const target = `/runners/${encodeURIComponent(runner)}?self=true`;
      const answer = await deps.ask("DELETE", target, { limitMs: LEAVE_MS, bytes: MAX_ANSWER_BYTES });
      if (answer === undefined) return;
      if (isRemoved(answer.status)) kept.drop(runner, "passed on the removal of a runner");
    }
  }

  function send(): Promise<void> {
    sending ??= sendAll().finally(() => (sending = undefined));
    return sending;
  }

  again();
  return {
    async serve(call, runner) {
      const tried: Tried = await deps.attempt(call, LEAVE_MS);
      if (tried.kind === "passing") return;
      if (tried.kind === "answer") {
        kept.drop(runner, "runner removed");
        return deps.handOn(call, tried);
      }
      if (tried.kind === "failed" && !isOurs(tried.code)) return deps.handOn(call, tried);
      kept.add(runner);
      again();
      if (answerOurselves(call.response, { status: 200, body: KEPT }))
        deps.answered(call, "leave", { runner, why: tried.kind === "failed" ? tried.code : tried.kind });
    },
    heard: (runner) => kept.drop(runner, "a runner that was about to be removed is back"),
    async beforeRegister() {
      if (kept.size() === 0 || way.broken) return;
      await Promise.race([send(), rest(clock, BEFORE_REGISTER_MS)]);
    },
    waiting: kept.list,
    stop: () => cancel(),
  };
}
