import type { Msg, NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { sessionToken } from "../shared/log/schema/session-id.ts";
import { decodeAnswer } from "../shared/messages/answer.ts";
import {
  BRIEFS_SUBJECT,
  gatewayQuestion,
  stateOfBrief,
  STATES_SUBJECT,
  type RelayBrief,
} from "../shared/messages/relay-brief.ts";
import { decodeState, STATE_INTERVAL_MS, type RelayState } from "../shared/messages/relay-state.ts";
import { askAmounts } from "./relays/asking.ts";
import { createBriefs, type Briefs } from "./relays/briefs.ts";
import type { BacklogLimits } from "./writes/backlog-limits.ts";
import type { Relays } from "./writes/relays.ts";
import type { Waiting } from "./writes/waiting.ts";

// relays/briefs.ts knows what relays say of themselves · relays/asking.ts asks them about sessions · writes/relays.ts says whether an answer may be waited for ·
// writes/backlog-limits.ts counts what waits · writes/waiting.ts has the executors that wait
// Relays speak to all gateways at once, and a gateway asks for what only it needs (ADR 0059). Whole states are heard only while a relay may run that knows nothing else.

/** How often silent relays are looked for. */
const SILENCE_CHECK_MS = 250;

type HearingDeps = {
  connection: NatsConnection;
  /** Name of this gateway at the broker. */
  gateway: string;
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

/** Takes what relays say: how they are, and the coordinator's answers to writes. Looks for relays that fell silent. Ends when it is disposed. */
export function hearRelays(deps: HearingDeps): Disposable {
  const { relays, waiting, backlog, clock } = deps;
  const gateway = sessionToken(deps.gateway);
  const briefs = createBriefs(clock.now());
  const scope = new DisposableStack();
  const takeBrief = briefTaker({ ...deps, gateway }, briefs);
  const followWhole = scope.use(wholeStates(deps, briefs));
  scope.defer(
    subscribe(deps, BRIEFS_SUBJECT, (message) => {
      takeBrief(message);
      followWhole.look();
    }),
  );
  scope.defer(subscribe(deps, `${deps.answerPrefix}*`, (message) => takeAnswer(deps, message)));
  const fresh = (): readonly RelayBrief[] => briefs.fresh(clock.now());
  scope.use(askAmounts({ ...deps, gateway, backlog, relays: fresh }));
  let cancel = (): void => undefined;
  const checkSilence = (): void => {
    const ended = relays.silenced(clock.now());
    if (ended.length > 0) waiting.release(ended);
    followWhole.look();
    cancel = clock.after(SILENCE_CHECK_MS, checkSilence);
  };
  scope.defer(() => cancel());
  checkSilence();
  return scope;
}

/** Takes briefs and beats. One that stands for a brief that was not heard has the relay asked for it. */
function briefTaker(
  deps: HearingDeps & { gateway: string },
  briefs: Briefs,
): (message: Pick<Msg, "subject" | "string">) => void {
  const { connection, gateway, backlog, clock, logger } = deps;
  const asked = new Set<string>();

  function take(brief: RelayBrief): void {
    takeState(deps, stateOfBrief(brief));
    if (brief.stopping) return;
    const idle = brief.shards.filter(({ behind, waiting }) => !behind && !waiting);
    backlog.empty(idle.map(({ shard }) => shard));
  }

  async function ask(process: string): Promise<void> {
    if (asked.has(process)) return;
    asked.add(process);
    try {
      const subject = gatewayQuestion(process, gateway, "brief");
      const answer = await connection.request(subject, "", { timeout: STATE_INTERVAL_MS });
      const brief = briefs.brief(answer.string(), clock.now());
      if (brief !== undefined) take(brief);
    } catch (cause) {
      logger.debug({ err: cause, relay: process }, "a relay was asked for its brief and did not answer");
    } finally {
      asked.delete(process);
    }
  }

  return (message) => {
    const [, , relay = "", what] = message.subject.split(".");
    const now = clock.now();
    if (what === "brief") {
      const brief = briefs.brief(message.string(), now);
      if (brief !== undefined) take(brief);
    } else if (what === "beat") {
      const meaning = briefs.beat(relay, message.string(), now);
      if (meaning?.kind === "holds") take(meaning.brief);
      else if (meaning?.kind === "asks") void ask(meaning.process);
    }
  };
}

/** Hears whole states as long as `briefs` wants them. */
function wholeStates(deps: HearingDeps, briefs: Briefs): Disposable & { look(): void } {
  let end: (() => void) | undefined;
  return {
    look() {
      const wanted = briefs.wantsWhole(deps.clock.now());
      if (wanted && end === undefined)
        end = subscribe(deps, STATES_SUBJECT, (message) => {
          const state = decodeState(message.string());
          if (state === undefined || briefs.speaks(state.relay, deps.clock.now())) return;
          takeState(deps, state);
          deps.backlog.reported(state);
        });
      else if (!wanted && end !== undefined) {
        end();
        end = undefined;
      }
    },
    [Symbol.dispose]: () => end?.(),
  };
}

/** An exception in a callback would end the reading of the connection, so a malformed message of a relay must not cause one. */
function subscribe(
  { connection, logger }: HearingDeps,
  subject: string,
  take: (message: Msg) => void,
): () => void {
  const subscription = connection.subscribe(subject, {
    callback(error, message) {
      try {
        if (error === null) take(message);
      } catch (cause) {
        logger.error({ err: cause, subject: message.subject }, "message of a relay not processed");
      }
    },
  });
  return () => subscription.unsubscribe();
}

function takeState({ relays, waiting, listeners, clock }: HearingDeps, state: RelayState): void {
  for (const listener of listeners) listener.heard(state);
  const ended = relays.take(state, clock.now());
  if (ended.length > 0) waiting.release(ended);
}

function takeAnswer({ connection, answerPrefix, waiting }: HearingDeps, message: Msg): void {
  const answer = decodeAnswer(message.data);
  if (answer === undefined) return;
  const { reply } = message;
  const confirm = reply ? (seen: boolean): void => connection.publish(reply, seen ? "1" : "0") : undefined;
  const taken = waiting.answered(message.subject.slice(answerPrefix.length), answer, confirm);
  if (!taken) confirm?.(false);
}
