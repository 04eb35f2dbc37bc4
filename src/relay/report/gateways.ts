import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { inboxOwner } from "../../shared/log/schema/subjects.ts";
import {
  encodeBrief,
  gatewayQuestion,
  type GatewayQuestion,
  type RelayBrief,
} from "../../shared/messages/relay-brief.ts";
import { relayToken } from "../../shared/messages/relay-state.ts";
import {
  decodeAmountsQuestion,
  encodeAmounts,
  type SessionWord,
} from "../../shared/messages/session-amounts.ts";

/** Answers gateways: with the newest brief if one of them did not hear it, and how much of their sessions waits (ADR 0059). */
export function serveGateways(deps: {
  nc: NatsConnection;
  relay: string;
  /** Random name of this process. */
  instance: string;
  brief(): RelayBrief;
  amounts(sessions: readonly string[]): SessionWord[];
  /** The answer would not go to the gateway that asks. */
  foreign: (what: "request") => void;
}): { stop(): void } {
  const process = relayToken(deps);

  /** The broker lets only the gateway that the subject names publish there. */
  function listen(question: GatewayQuestion, answer: (data: Uint8Array) => string | undefined): () => void {
    const subscription = deps.nc.subscribe(gatewayQuestion(process, "*", question), {
      callback(error: Error | null, msg: Msg) {
        if (error !== null) return;
        const [, , , , asker] = msg.subject.split(".");
        if (asker === undefined || inboxOwner(msg.reply) !== asker) return deps.foreign("request");
        const text = answer(msg.data);
        if (text !== undefined) msg.respond(text);
      },
    });
    return () => subscription.unsubscribe();
  }

  const ends = [
    listen("brief", () => encodeBrief(deps.brief())),
    listen("backlog", (data) => {
      const sessions = decodeAmountsQuestion(data);
      return sessions && encodeAmounts(deps.amounts(sessions));
    }),
  ];
  return {
    stop() {
      for (const end of ends) end();
    },
  };
}
