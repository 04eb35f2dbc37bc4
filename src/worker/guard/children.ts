import type {
  Agent,
  AgentEnd,
  AgentEvents,
  AgentProcess,
  SpawnAgent,
  TurnAsked,
} from "../../agents/agent.ts";
import { spawnAgent, type Hold, type SpawnDeps } from "./spawn-agent.ts";

/** An agent that does not heed the end of its turn loses its programs after this time. */
const HEED_MS = 5000;

/** An agent that is ready for one turn. */
export type TurnAgent = {
  run(turn: TurnAsked, events: AgentEvents, signal: AbortSignal): Promise<AgentEnd>;
};

/** An agent whose programs run in `folder` under `hold`, and have ended before its turn has. */
export function withChildren(deps: SpawnDeps, agent: Agent, of: { hold: Hold; folder: string }): TurnAgent {
  return {
    async run(turn, events, signal) {
      const children: AgentProcess[] = [];
      const stop = (): void => {
        for (const child of children) child.stop();
      };
      let cancel = (): void => undefined;
      const heed = (): void => void (cancel = deps.clock.after(HEED_MS, stop));
      signal.addEventListener("abort", heed, { once: true });
      const spawn: SpawnAgent = async (command) => {
        signal.throwIfAborted();
        const child = await spawnAgent(deps, of, command);
        children.push(child);
        return child;
      };
      try {
        return await agent.run({ ...turn, spawn }, events, signal);
      } finally {
        signal.removeEventListener("abort", heed);
        cancel();
        stop();
        await Promise.all(children.map(({ ended }) => ended));
      }
    },
  };
}
