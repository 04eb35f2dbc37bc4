import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { STATE_SUBJECT } from "../shared/log/schema/subjects.ts";
import { decodeAnswer } from "../shared/messages/answer.ts";
import { decodeState, type RelayState } from "../shared/messages/relay-state.ts";
import type { BacklogLimits } from "./writes/backlog-limits.ts";
import type { Relays } from "./writes/relays.ts";
import type { Waiting } from "./writes/waiting.ts";

/** How often silent relays are looked for. */
const SILENCE_CHECK_MS = 250;

type HearingDeps = {
  connection: NatsConnection;
  /** Subject of the answers to this gateway's writes, up to their ids. */
  answerPrefix: string;
  relays: Relays;
  waiting: Waiting;
  backlog: BacklogLimits;
  /** They want to know which relays live. */
  listeners: readonly { heard(state: RelayState): void }[];
  clock: Clock;
  logger: Logger;
};

/** Takes what relays say: their states, and the coordinator's answers to writes. Looks for relays that fell silent. Ends when it is disposed. */
export function hearRelays(deps: HearingDeps): Disposable {
  const { relays, waiting, clock } = deps;
  const scope = new DisposableStack();
  subscribe(deps, scope, `${STATE_SUBJECT}.>`, (message) => takeState(deps, message));
  subscribe(deps, scope, `${deps.answerPrefix}*`, (message) => takeAnswer(deps, message));
  let cancel = (): void => undefined;
  const checkSilence = (): void => {
    const ended = relays.silenced(clock.now());
    if (ended.length > 0) waiting.release(ended);
    cancel = clock.after(SILENCE_CHECK_MS, checkSilence);
  };
  scope.defer(() => cancel());
  checkSilence();
  return scope;
}

/** An exception in a callback would end the reading of the connection, so a malformed message of a relay must not cause one. */
function subscribe(
  { connection, logger }: HearingDeps,
  scope: DisposableStack,
  subject: string,
  take: (message: Msg) => void,
): void {
  const subscription = connection.subscribe(subject, {
    callback(error, message) {
      try {
        if (error === null) take(message);
      } catch (cause) {
        logger.error({ err: cause, subject: message.subject }, "message of a relay not processed");
      }
    },
  });
  scope.defer(() => subscription.unsubscribe());
}

function takeState({ relays, waiting, backlog, listeners, clock }: HearingDeps, message: Msg): void {
  const state = decodeState(message.string());
  if (state === undefined) return;
  for (const listener of listeners) listener.heard(state);
  const ended = relays.take(state, clock.now());
  if (ended.length > 0) waiting.release(ended);
  backlog.reported(state);
}

function takeAnswer({ connection, answerPrefix, waiting }: HearingDeps, message: Msg): void {
  const answer = decodeAnswer(message.data);
  if (answer === undefined) return;
  const { reply } = message;
  const confirm = reply ? (seen: boolean): void => connection.publish(reply, seen ? "1" : "0") : undefined;
  const taken = waiting.answered(message.subject.slice(answerPrefix.length), answer, confirm);
  if (!taken) confirm?.(false);
}
