import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { Command } from "commander";
import { awaitEffect, type Effect } from "../operate/control-wait.ts";
import { systemClock } from "../shared/base/clock.ts";
import { createControl } from "../shared/log/state/control.ts";
import { codedError } from "../shared/base/errors.ts";
import { isStopped } from "../shared/messages/relay-state.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { readState } from "../shared/log/state/state-store.ts";
import { stateKey } from "../shared/log/schema/topology.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { operatorName } from "./operator-name.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { follows, sayEffect } from "./pause.ts";

type Options = { session?: string; skipHead?: true; json?: true };

export function command(context: Context): Command {
  const self = new Command("resume")
    .description("Resumes a paused or parked session, or everything after a pause or a poison event.")
    .option("--session <id>", "only this session; its first pending event is tried again")
    .option("--skip-head", "with --session: turn the first pending event into a dead letter instead")
    .option("--json", "print JSON");
  return addFlags(self, CLIENT_TABLE).action(async ({ session, skipHead, json }: Options) => {
    if (skipHead && session === undefined) throw codedError("usage", "--skip-head needs --session ID");
    const flags = flagsOf(self, CLIENT_TABLE);
    await withBroker({ role: "operator", env: context.env, flags }, async (nc) => {
      const effect =
        session === undefined ? await resumeAll(nc) : await resumeSession(nc, session, skipHead ?? false);
      const what = session === undefined ? "everything resumed" : `session ${session} resumed`;
      if (json) context.print(JSON.stringify({ action: "resume", session, ...effect }));
      else context.print(sayEffect(what, effect));
    });
  });
}

async function resumeAll(nc: NatsConnection): Promise<Effect> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  if (!(await createControl({ nc, jsm, clock: systemClock }).resumeAll()))
    throw codedError(
      "nothing_found",
      "there is no pause of everything; to resume a session, use --session ID",
    );
  return awaitEffect(nc, (state) => !isStopped(state));
}

async function resumeSession(nc: NatsConnection, session: string, skipHead: boolean): Promise<Effect> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
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
  const effect = await awaitEffect(nc, (state) => carriedOut && follows(state, session, revision));
  watching.abort();
  await watched;
  return effect;
}
