import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { gatewayQuestion, type RelayBrief } from "../../shared/messages/relay-brief.ts";
import { relayToken } from "../../shared/messages/relay-state.ts";
import {
  decodeAmounts,
  encodeAmountsQuestion,
  MOST_ASKED,
  type SessionWord,
} from "../../shared/messages/session-amounts.ts";
import type { BacklogLimits } from "../writes/backlog-limits.ts";

/** How often relays are asked how much of this gateway's sessions waits, and how long one may take to answer. */
const ASK_MS = 1000;
/** While nothing is sent, backlogs grow by what is written here, which is counted here: it is enough to ask at every fifth time. */
const SELDOM = 5;
/** Most sessions without new events in one question: one after the other, to find out that they wait no longer. */
const MOST_AGAIN = 20;

/**
 * Asks the relays that have a backlog about the sessions that were written to here. While nothing waits nothing is asked, so that a thousand gateways cost what
 * their own sessions in trouble cost. Ends when it is disposed.
 */
export function askAmounts(deps: {
  connection: NatsConnection;
  /** Token of this gateway. */
  gateway: string;
  backlog: Pick<BacklogLimits, "due" | "told">;
  /** The relays that are heard. */
  relays: () => readonly RelayBrief[];
  clock: Clock;
}): Disposable {
  const { backlog, relays, clock } = deps;
  let cancel = (): void => undefined;
  let round = 0;

  function askAll(): void {
    const seldom = round++ % SELDOM === 0;
    for (const relay of relays()) {
      const shards = relay.shards.filter(({ waiting, behind }) => waiting && !behind);
      if (shards.length === 0) continue;
      const up = relay.coordinator.state === "up";
      const sessions = backlog.due(
        shards.map(({ shard }) => shard),
        { most: MOST_ASKED, again: up ? MOST_AGAIN : 0, known: up || seldom },
      );
      if (sessions.length > 0) void ask(deps, relay, sessions);
    }
    cancel = clock.after(ASK_MS, askAll);
  }

  cancel = clock.after(ASK_MS, askAll);
  return { [Symbol.dispose]: () => cancel() };
}

async function ask(
  { connection, gateway, backlog }: Parameters<typeof askAmounts>[0],
  relay: RelayBrief,
  sessions: readonly string[],
): Promise<void> {
  let words: readonly SessionWord[] | undefined;
  try {
    const subject = gatewayQuestion(relayToken(relay), gateway, "backlog");
    const answer = await connection.request(subject, encodeAmountsQuestion(sessions), { timeout: ASK_MS });
    words = decodeAmounts(answer.data, sessions.length);
  } catch {
    // the relay is gone, or the broker is: what was counted still counts
  }
  for (const [i, session] of sessions.entries()) backlog.told(session, words?.[i] ?? "unknown");
}
