import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { systemClock } from "../shared/base/clock.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import { pauseTurns, resumeTurns } from "../shared/session-log/state/pause.ts";
import type { Context } from "./context.ts";
import type { Flags } from "./flags.ts";
import { operatorName } from "./operator-name.ts";
import { withBroker } from "./operator.ts";

/** What became of the turns of agent sessions beside everything else. `absent`: there is no log of sessions. */
export type TurnsToo = "paused" | "absent" | { failed: string };

const NONE_BEGINS = "workers begin no turn of agent sessions within a second; what runs goes on";

/** `pause --turns`. */
export async function pauseOnlyTurns(
  context: Context,
  flags: Flags,
  { text, json }: { text: string; json: true | undefined },
): Promise<void> {
  const paused = await withBroker({ role: "operator", env: context.env, flags }, async (nc) =>
    pauseTurns({ ...(await depsOf(nc)), clock: systemClock }, { text, by: operatorName() }),
  );
  if (paused === "absent") throw codedError("nothing_found", "this broker has no agent sessions");
  const { since } = paused;
  context.print(json ? JSON.stringify({ action: "pause", turns: "paused", text, since }) : NONE_BEGINS);
}

/** `resume --turns`. */
export async function resumeOnlyTurns(context: Context, flags: Flags, json: true | undefined): Promise<void> {
  const resumed = await withBroker({ role: "operator", env: context.env, flags }, async (nc) =>
    resumeTurns(await depsOf(nc)),
  );
  if (!resumed) throw codedError("nothing_found", "turns are not paused");
  context.print(json ? JSON.stringify({ action: "resume", turns: "resumed" }) : "turns resumed");
}

/** Pauses turns beside everything else. That pause holds, whatever becomes of this one. */
export async function pauseTurnsToo(nc: NatsConnection, text: string): Promise<TurnsToo> {
  try {
    const deps = { ...(await depsOf(nc)), clock: systemClock };
    return (await pauseTurns(deps, { text, by: operatorName() })) === "absent" ? "absent" : "paused";
  } catch (error) {
    return { failed: errorText(error) };
  }
}

/** For people: what the pause of everything means for agent sessions. */
export function sayTurns(context: Context, turns: TurnsToo, json: true | undefined): void {
  if (typeof turns === "object") context.warn(`turns of agent sessions are not paused: ${turns.failed}`);
  else if (turns === "paused" && !json) context.print(NONE_BEGINS);
}

async function depsOf(nc: NatsConnection): Promise<Parameters<typeof resumeTurns>[0]> {
  return { nc, jsm: await jetstreamManager(nc, { checkAPI: false }) };
}
