import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { parseJsonWithin, QUESTION } from "../../shared/base/json-scan.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { sessionIdProblem, sessionToken } from "../../shared/log/schema/session-id.ts";
import { isConsoleInbox, isOperatorInbox, TRY_SUBJECT } from "../../shared/log/schema/subjects.ts";
import { relayToken } from "../../shared/messages/relay-state.ts";
import type { TryAnswer } from "../../shared/messages/standing/try-now.ts";
import type { Gate } from "../coordinator/gate.ts";

/** The subject is this relay's own, so nobody shares its questions: the broker lets relays listen in this group only. */
const QUEUE = "relay";

/** Undefined: the coordinator itself is meant. Null: this is no question. */
function sessionOf(msg: Msg): string | undefined | null {
  const value = parseJsonWithin(msg.data, QUESTION);
  if (typeof value !== "object" || value === null || !("v" in value) || value.v !== 1) return null;
  if (!("session" in value)) return undefined;
  const { session } = value;
  return typeof session === "string" && sessionIdProblem(session) === undefined ? session : null;
}

/** Carries out an operator's wish not to wait: for the next probe of the coordinator, or for the next try of one session. */
export function serveTryNow(deps: {
  nc: NatsConnection;
  log: Logger;
  relay: string;
  /** Random name of this process. */
  instance: string;
  gate: Pick<Gate, "state" | "probeNow">;
  dispatcher: { tryNow(token: string): boolean };
  foreign: (what: "request") => void;
}): { stop(): void } {
  const { nc, log, relay, instance, gate } = deps;

  function tryNow(session: string | undefined): TryAnswer {
    if (session !== undefined && deps.dispatcher.tryNow(sessionToken(session))) {
      log.info({ session }, "a session is tried now, at an operator's request");
      return { tried: "session" };
    }
    const { phase } = gate.state();
    if (phase !== "away" && phase !== "paused") return { tried: "nothing" };
    gate.probeNow();
    log.info({ phase }, "the coordinator is tried now, at an operator's request");
    return { tried: "coordinator" };
  }

  const subscription = nc.subscribe(`${TRY_SUBJECT}.${relayToken({ relay, instance })}`, {
    queue: QUEUE,
    callback(error: Error | null, msg: Msg) {
      if (error !== null) return;
      if (!isConsoleInbox(msg.reply) && !isOperatorInbox(msg.reply)) return deps.foreign("request");
      const session = sessionOf(msg);
      if (session !== null) msg.respond(JSON.stringify(tryNow(session)));
    },
  });
  return { stop: () => subscription.unsubscribe() };
}
