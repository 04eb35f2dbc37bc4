import { readShardCount } from "../shared/log/state/read-shard-count.ts";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { Command } from "commander";
import { AFTERMATH_WAIT_MS, awaitAftermath, type Aftermath } from "../operate/aftermath.ts";
import { awaitEffect, type Effect } from "../operate/control-wait.ts";
import { watchSession } from "../operate/session-facts.ts";
import { systemClock } from "../shared/base/clock.ts";
import { checkSession, createControl } from "../shared/log/state/control.ts";
import { codedError, isCoded } from "../shared/base/errors.ts";
import { ownCommand } from "../shared/base/own-command.ts";
import { resumeTurns } from "../shared/session-log/state/pause.ts";
import { isStopped } from "../shared/messages/relay-state.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { readState } from "../shared/log/state/state-store.ts";
import { stateKey } from "../shared/log/schema/topology.ts";
import { standsStill } from "../shared/messages/standing/session-standing.ts";
import { standingJson, standingText } from "../shared/messages/standing/standing-text.ts";
import { tryNow, type TryAnswer } from "../shared/messages/standing/try-now.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { operatorName } from "./operator-name.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { follows, sayEffect } from "./pause.ts";
import { resumeOnlyTurns } from "./pause-turns.ts";

type Options = { session?: string; turns?: true; skipHead?: true; json?: true };
type Tried = Exclude<TryAnswer["tried"], "nothing">;
type Deps = { nc: NatsConnection; jsm: JetStreamManager };

/** What was done for one session, and what became of it. Undefined if no relay has carried it out. */
type Resumed = {
  done: { action: "resume"; effect: Effect } | { action: "try"; tried: Tried };
  aftermath: Aftermath | undefined;
};

export function command(context: Context): Command {
  const self = new Command("resume")
    .description(
      "Resumes a paused or parked session, or everything after a pause or a poison event. A session that waits for its next try is tried now.",
    )
    .option("--session <id>", "only this session; its first pending event is tried again, at once")
    .option("--turns", "only the turns of agent sessions")
    .option("--skip-head", "with --session: turn the first pending event into a dead letter instead")
    .option("--json", "print JSON");
  return addFlags(self, CLIENT_TABLE).action(async ({ session, turns, skipHead, json }: Options) => {
    if (skipHead && session === undefined) throw codedError("usage", "--skip-head needs --session ID");
    if (turns && session !== undefined) throw codedError("usage", "--turns and --session cannot be combined");
    if (session !== undefined) checkSession(session);
    if (turns) return await resumeOnlyTurns(context, flagsOf(self, CLIENT_TABLE), json);
    const flags = flagsOf(self, CLIENT_TABLE);
    await withBroker({ role: "operator", env: context.env, flags }, async (nc) => {
      const jsm = await jetstreamManager(nc, { checkAPI: false });
      if (session === undefined) {
        const effect = await resumeAll({ nc, jsm });
        if (json) context.print(JSON.stringify({ action: "resume", ...effect }));
        else context.print(sayEffect("everything resumed", effect));
        return;
      }
      const resumed = await resumeOrTry({ nc, jsm }, session, skipHead ?? false);
      context.print(
        json ? JSON.stringify(jsonOf(session, resumed)) : sayResumed(session, resumed, Date.now()),
      );
    });
  });
}

async function resumeAll({ nc, jsm }: Deps): Promise<Effect> {
  const turns = await resumeTurns({ nc, jsm }).catch(() => false); // a login of an older users.conf may not
  if (!(await createControl({ nc, jsm, clock: systemClock }).resumeAll()) && !turns)
    throw codedError(
      "nothing_found",
      "there is no pause of everything; to resume a session, use --session ID",
    );
  return awaitEffect(nc, (state) => !isStopped(state));
}

/** A session that nobody stopped is not resumed, but it may wait for its next try. */
async function resumeOrTry(deps: Deps, session: string, skipHead: boolean): Promise<Resumed> {
  try {
    const effect = await resumeSession(deps, session, skipHead);
    const done = { action: "resume", effect } as const;
    if (effect.kind !== "in_force") return { done, aftermath: undefined };
    const watch = await watchSession(deps, session);
    try {
      return { done, aftermath: await awaitAftermath(watch.read, systemClock) };
    } finally {
      watch.stop();
    }
  } catch (error) {
    if (skipHead || !isCoded(error, "nothing_found")) throw error;
    return await trySession(deps, session);
  }
}

/** Throws `nothing_found` if the session waits for nothing. */
async function trySession(deps: Deps, session: string): Promise<Resumed> {
  const watch = await watchSession(deps, session);
  try {
    const heard = watch.relays().length > 0;
    const rest = heard
      ? ", and does not wait for a try"
      : "; no relay answers, so it is not known whether it waits for a try";
    const otherwise = codedError("nothing_found", `session ${session} is neither paused nor parked${rest}`);
    const before = await watch.read();
    if (before === undefined || !standsStill(before)) throw otherwise;
    const tried = await tryNow(deps.nc, watch.relays(), session);
    if (tried === "nothing") throw otherwise;
    return {
      done: { action: "try", tried },
      aftermath: await awaitAftermath(watch.read, systemClock, before),
    };
  } finally {
    watch.stop();
  }
}

async function resumeSession({ nc, jsm }: Deps, session: string, skipHead: boolean): Promise<Effect> {
  const token = sessionToken(session);
  const held = await readState(jsm, stateKey.held(token));
  const { revision } = await createControl({
    nc,
    jsm,
    clock: systemClock,
    by: operatorName(),
  }).resumeSession(session, { skipHead });
  // A held session is resumed by its relay, which then deletes the request. For any other session the request alone is enough.
  let carriedOut = held === undefined;
  const watching = new AbortController();
  const watch = async (): Promise<void> => {
    while (!carriedOut && !watching.signal.aborted) {
      carriedOut = (await readState(jsm, stateKey.control(token)))?.revision !== revision;
      await delay(100, undefined, { signal: watching.signal }).catch(() => undefined);
    }
  };
  const watched = watch();
  const shardCount = await readShardCount(jsm);
  const effect = await awaitEffect(
    nc,
    (state) => carriedOut && follows(state, { session, shardCount }, revision),
  );
  watching.abort();
  await watched;
  return effect;
}

/** The words of programs for what became of a session. */
const OUTCOMES: Record<Aftermath["kind"], string> = {
  moves: "continues",
  still: "stands_still",
  unknown: "no_answer",
};

function jsonOf(session: string, { done, aftermath }: Resumed): object {
  return {
    action: done.action,
    session,
    ...(done.action === "resume" ? done.effect : { tried: done.tried }),
    ...(aftermath === undefined ? {} : { outcome: OUTCOMES[aftermath.kind] }),
    ...(aftermath?.kind === "still" ? { standing: standingJson(aftermath.standing) } : {}),
  };
}

function sayDone(session: string, done: Resumed["done"]): string {
  if (done.action === "resume") return sayEffect(`session ${session} resumed`, done.effect);
  return done.tried === "session"
    ? `session ${session} was tried now`
    : `the coordinator was asked now, because session ${session} waits for it`;
}

/** One line for people. Pure. */
function sayResumed(session: string, { done, aftermath }: Resumed, now: number): string {
  const what = sayDone(session, done);
  switch (aftermath?.kind) {
    case undefined:
      return what;
    case "moves":
      return done.action === "resume" ? what : `${what}; it continues`;
    case "still":
      return `${what}, but it stands still: ${standingText(aftermath.standing, now)}`;
    case "unknown":
      return `${what}; its first event has no answer after ${AFTERMATH_WAIT_MS / 1000} s (see \`${ownCommand("status")}\`)`;
  }
}
