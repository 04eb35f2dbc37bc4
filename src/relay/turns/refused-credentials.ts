import type { Clock } from "../../shared/base/clock.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import { ask } from "../coordinator/ask.ts";
import type { Coordinator } from "../coordinator/client.ts";
import type { Gate } from "../coordinator/gate.ts";
import { RefusedTokens } from "../coordinator/refused-tokens.ts";
import type { Lane, TurnOutcome } from "../lanes/index.ts";

/**
 * The session that is asked for, with credentials, after a refusal. It does not exist, so that a refusal that concerns one session is not taken for a
 * refusal of all (ISOLATE-1). The coordinator answers `not_existent` at little cost.
 */
const HARMLESS_PATH = "/sessions/runner-relay-asks/status";

/** What 401 and 403 mean, which say nothing about the event. */
export type RefusedCredentials = {
  /** `generation`: of the credential that was sent. */
  refused(lane: Lane, status: number, generation: number): Promise<TurnOutcome>;
  /** The coordinator judged an event, so it took the credential. */
  accepted(): void;
};

/** A fresh token is tried once; then everything waits if others are refused too, otherwise this lane. */
export function createRefusedCredentials(deps: {
  clock: Clock;
  coordinator: Coordinator;
  credentials: Credentials;
  gate: Pick<Gate, "pause" | "resume">;
}): RefusedCredentials {
  const { clock, credentials, gate } = deps;
  const tokens = new RefusedTokens();
  return {
    accepted: () => tokens.accepted(clock.now()),
    async refused(lane, status, generation) {
      credentials.refused(generation);
      if (lane.refusedTokens++ === 0) {
        const fresh = await credentials.headers();
        if (fresh.kind === "unavailable") {
          gate.pause("token_unavailable", fresh.reason);
          return { kind: "again" };
        }
        if (fresh.generation !== generation) return { kind: "again" };
      }
      const pass = await credentials.headers();
      const harmless = pass.kind === "ready" ? await ask(deps, HARMLESS_PATH, pass.headers) : undefined;
      const answered = harmless?.kind === "response" ? harmless.status : undefined;
      if (answered === 401 || answered === 403 || tokens.refused(clock.now(), lane.token)) {
        gate.pause("unauthorized", `the coordinator answers ${status}`);
        return { kind: "again" };
      }
      if (answered !== undefined) gate.resume("unauthorized"); // others need not wait for this session
      return { kind: "retry", reason: `status ${status}`, counts: false }; // never a dead letter for a credential matter
    },
  };
}
