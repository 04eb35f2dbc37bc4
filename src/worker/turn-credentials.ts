import type { AgentEnd, TurnAsked } from "../agents/agent.ts";
import { errorText } from "../shared/base/errors.ts";
import { hush } from "./credentials/hush.ts";
import { supply, type SupplyDeps, type SupplyFor } from "./credentials/supply.ts";
import type { TurnAgent } from "../guard/children.ts";
import type { GivenToPrograms } from "../guard/spawn-agent.ts";

/** What a worker has to fetch the credentials of turns with. */
export type TurnCredentials = SupplyDeps & {
  /** The caller's token of a turn, as the value of an Authorization header, if that server still holds one. Rejects with the reason of `signal` only. */
  callerOf(turn: CallerOfTurn, signal: AbortSignal): Promise<string | undefined>;
};

/** `holder`: the server that took the turn and holds its caller's token. */
export type CallerOfTurn = { session: string; turn: string; holder: string | undefined };

/**
 * An agent whose programs are given the credentials of their turn, which are taken away again when all of them have ended. Without those that the back end refuses the turn fails before
 * anything of it runs. What the agent says is stored without them.
 */
export function withCredentials(
  deps: TurnCredentials,
  of: Omit<SupplyFor, "caller"> & { holder: string | undefined },
  agentWith: (given: GivenToPrograms) => TurnAgent,
): TurnAgent {
  const { holder, session } = of;
  return {
    async run(turn: TurnAsked, events, signal) {
      const caller = await deps.callerOf({ session: session.name, turn: turn.turn, holder }, signal);
      const supplied = await supply(deps, { ...of, caller }, signal);
      const about = { session: session.name, turn: turn.turn, caller: caller !== undefined };
      if (supplied.kind === "failed") {
        const { code, message } = supplied;
        deps.log.warn({ ...about, code, why: message }, "no credentials for a turn");
        return { outcome: "failed", data: { code, message } };
      }
      try {
        const { missing, env, folder, secrets } = supplied;
        if (missing.length > 0) {
          deps.log.warn({ ...about, missing }, "a turn goes without some credentials");
          events.tell("status", { status: "credentials_missing", providers: missing });
        }
        const hushed = hush(events, secrets);
        const end = await agentWith({ env, folder })
          .run(turn, hushed.events, signal)
          .catch((error: unknown): AgentEnd => ({ outcome: "failed", data: { message: errorText(error) } }));
        return hushed.end(end);
      } finally {
        supplied.close();
      }
    },
  };
}
