import type { FastifyInstance } from "fastify";
import { bodyOf } from "../http/bodies.ts";
import { callerOf, note, type PartDeps } from "../http/part.ts";
import { granted } from "../http/checked.ts";
import { lacks } from "../access/caller.ts";
import { HOOK_AGENTS, hookEvent } from "./hook-event.ts";
import { createHookQueue, type HookQueue } from "./hook-queue.ts";

export type { HookQueue } from "./hook-queue.ts";

// hook-event.ts makes events of what hooks send · hook-queue.ts keeps them until the log has them, in lanes.ts by session

/** Where hooks of agents report. The answer is a 2xx without a body, at once and always: an agent would take anything else for a hook's decision, or wait. */
export function addHooks(
  app: FastifyInstance,
  deps: PartDeps & { random: () => string; hooks: HookQueue },
): void {
  const { hooks, random } = deps;
  for (const agent of HOOK_AGENTS)
    app.post(`/hooks/${agent}`, { config: { hooks: true } }, async (request, reply) => {
      const caller = callerOf(request);
      granted(lacks(caller, "hooks") ?? {});
      const read = hookEvent(bodyOf(request)?.value ?? {}, `hook ${random()}`);
      const isKept = read !== undefined && hooks.add({ ...read, agent, caller });
      note(request, { kept: isKept });
      return reply
        .code(200)
        .header("rr-durability", isKept ? "memory" : "none")
        .send();
    });
}

/** The queue of a server's hooks. */
export function openHooks(deps: Pick<PartDeps, "core" | "clock" | "log">): HookQueue {
  const { core, clock, log } = deps;
  return createHookQueue({
    clock,
    log,
    record: ({ caller, session, agent, event }) =>
      core.record(caller, { id: session, agent, events: [event] }),
  });
}
