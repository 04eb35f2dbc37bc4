import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { readCallerQuestion } from "../shared/messages/caller-token/question.ts";
import { seal } from "../shared/messages/caller-token/seal.ts";
import { CALLER_ASK_SUBJECT, isCallerAnswer } from "../shared/messages/caller-token/subjects.ts";
import { createCallerTokens, type CallerTokens } from "./core/caller-tokens.ts";

/** Holds the tokens of callers, and hands them over to the workers that run their turns, until the connection ends. `holder`: the name of this process for workers. An empty answer: there is none. */
export function handOver(
  { nc, clock, log }: { nc: NatsConnection; clock: Clock; log: Logger },
  holder: string,
): CallerTokens {
  const tokens = createCallerTokens({ clock, holder });

  async function answer(data: Uint8Array): Promise<Uint8Array> {
    const question = readCallerQuestion(data);
    const token = question && tokens.take(question);
    if (question === undefined || token === undefined) return new Uint8Array();
    return await seal(token, question.turn, question.key);
  }

  nc.subscribe(`${CALLER_ASK_SUBJECT}.${tokens.holder}`, {
    callback(error, { data, reply }) {
      if (error !== null)
        return log.warn({ error: errorText(error) }, "callers' tokens cannot be handed over"); // users of an older broker's configuration may not
      if (!isCallerAnswer(reply)) return;
      answer(data).then(
        (bytes) => nc.publish(reply, bytes),
        (failure: unknown) => log.warn({ error: errorText(failure) }, "a caller's token was not handed over"),
      );
    },
  });
  return tokens;
}
