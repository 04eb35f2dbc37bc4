import type { Clock } from "../../shared/base/clock.ts";
import { ALIVE, answerOurselves } from "./answers.ts";
import type { Tried } from "./attempt.ts";
import type { Call } from "./call.ts";
import { HEARTBEAT_MS, isOurs } from "./verdict.ts";
import type { Way } from "./way.ts";

/** Serves heartbeats with the coordinator's answer if it comes in time, and with our own if broker or relay fail. */
export function createHeartbeats(deps: {
  attempt: (call: Call, limitMs: number) => Promise<Tried>;
  handOn: (call: Call, tried: Extract<Tried, { kind: "answer" | "failed" }>) => void;
  way: Way;
  answered: (call: Call, what: "heartbeat", fields: Record<string, unknown>) => void;
  clock: Clock;
}): (call: Call) => Promise<void> {
  return async (call) => {
    let why = "way_broken";
    if (!deps.way.broken) {
      const tried = await deps.attempt(call, call.began + HEARTBEAT_MS - deps.clock.now());
      if (tried.kind === "passing") return;
      if (tried.kind === "answer" || (tried.kind === "failed" && !isOurs(tried.code)))
        return deps.handOn(call, tried);
      why = tried.kind === "failed" ? tried.code : tried.kind;
    }
    if (answerOurselves(call.response, ALIVE)) deps.answered(call, "heartbeat", { why });
  };
}
