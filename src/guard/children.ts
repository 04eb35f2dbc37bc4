import type { Agent, AgentEnd, AgentEvents, AgentProcess, SpawnAgent, TurnAsked } from "../agents/agent.ts";
import { spawnAgent, type SpawnDeps, type SpawnPlace } from "./spawn-agent.ts";

/** An agent that does not heed the end of its turn loses its programs after this time. */
const HEED_MS = 5000;

/** An agent that is ready for one turn. */
export type TurnAgent = {
  run(turn: TurnAsked, events: AgentEvents, signal: AbortSignal): Promise<AgentEnd>;
};

/** The programs of a turn. */
export type Children = {
  spawn: SpawnAgent;
  /** Asks all to end, and kills them after a while. Settles when they have. */
  end(): Promise<void>;
};

/** Starts programs in `folder` under `hold` until `signal`; those that do not heed it are ended. */
export function createChildren(deps: SpawnDeps, of: SpawnPlace, signal: AbortSignal): Children {
  /** Also those that have not started yet when the turn ends: they must not stay. */
  const children: Promise<AgentProcess>[] = [];
  let over = false;
  const stop = (): void => {
    for (const it of children) void it.then((child) => child.stop()).catch(() => undefined);
  };
  let cancel = (): void => undefined;
  const heed = (): void => void (cancel = deps.clock.after(HEED_MS, stop));
  signal.addEventListener("abort", heed, { once: true });
  return {
    spawn: async (command) => {
      signal.throwIfAborted();
      if (over) throw new Error("the turn is over");
      const child = spawnAgent(deps, of, command);
      children.push(child);
      // a turn that was stopped meanwhile did not find it
      void child.then((it) => (signal.aborted ? it.stop() : undefined)).catch(() => undefined);
      return child;
    },
    async end() {
      signal.removeEventListener("abort", heed);
      cancel();
      over = true;
      stop();
      await Promise.allSettled(children.map(async (it) => (await it).ended));
    },
  };
}

/** An agent whose programs run in `folder` under `hold`, and have ended before its turn has. */
export function withChildren(deps: SpawnDeps, agent: Agent, of: SpawnPlace): TurnAgent {
  return {
    async run(turn, events, signal) {
      const tooLarge = (bytes: number): void =>
        events.tell("error", { code: "agent_memory", message: tooLargeText(bytes, deps.mostMemory) });
      const children = createChildren(deps, { ...of, tooLarge }, signal);
      try {
        return await agent.run({ ...turn, spawn: children.spawn }, events, signal);
      } finally {
        await children.end();
      }
    },
  };
}

function tooLargeText(bytes: number, most = Infinity): string {
  const mib = (of: number): number => Math.round(of / 1024 ** 2);
  return `the agent and what it started took ${mib(bytes)} MiB of memory; ${mib(most)} MiB are allowed`;
}
