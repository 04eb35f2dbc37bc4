import { NoRespondersError, RequestError, type NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { newAnswerKey } from "../shared/messages/caller-token/seal.ts";
import { CALLER_ANSWER_SUBJECT, CALLER_ASK_SUBJECT } from "../shared/messages/caller-token/subjects.ts";
import type { TurnCredentials } from "./turn-credentials.ts";

/** How long the server that took a turn may take to hand its caller's token over. */
const HAND_OVER_MS = 2000;

/** Asks servers for the tokens of callers. A token that cannot be had any more is none: the worker's own counts then, as if the back end had refused the caller's. */
export function askCallers(deps: {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  random: () => string;
}): TurnCredentials["callerOf"] {
  const { nc, log, random } = deps;
  return async ({ session, turn, holder }, signal) => {
    signal.throwIfAborted();
    if (holder === undefined) return undefined;
    try {
      const answer = await newAnswerKey();
      const question = JSON.stringify({ session, turn, key: answer.key });
      const { data } = await nc.request(`${CALLER_ASK_SUBJECT}.${holder}`, question, {
        timeout: HAND_OVER_MS,
        noMux: true,
        reply: `${CALLER_ANSWER_SUBJECT}.${random()}`,
      });
      if (data.length > 0) return await answer.open(data, turn);
      log.warn({ session, turn }, "the server holds no token of the turn's caller any more");
    } catch (error) {
      const gone =
        error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
      const why = gone ? "that server does not run any more" : errorText(error);
      log.warn({ session, turn, error: why }, "the token of the turn's caller could not be had");
    }
    signal.throwIfAborted();
    return undefined;
  };
}
