import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { encodeAnswer } from "../../shared/messages/answer.ts";
import { atTurnEnd } from "../../shared/base/turn-end.ts";
import { FLOW_PREFIX, inboxOwner } from "../../shared/log/schema/subjects.ts";
import type { Clock } from "../../shared/base/clock.ts";
import type { AttemptResult } from "./verdict.ts";

/** How long a gateway may take to say whether its executor still waited; it answers in one turn, or it is gone. */
const SEEN_TIMEOUT_MS = 250;

/** Headers that belong to one connection, or that the gateway writes itself. */
const DROPPED = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "date",
  "server",
]);

type Response = AttemptResult & { kind: "response" };

/** Sends gateways the outcome of events that executors still wait for. */
export type Answers = {
  /** The coordinator's own answer. */
  hand(to: string, response: Response): void;
  /** The same for a refusal; resolves whether the executor itself got it. */
  handRefusal(to: string, response: Response): Promise<boolean>;
  /** No answer will come soon, so the gateway should answer 202 now. */
  accepted(to: string, reason: string): void;
  close(): void;
};

function encode(response: Response): Uint8Array {
  const headers: [string, string][] = [];
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined || DROPPED.has(name)) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.push([name, one]);
  }
  const body = response.broken ? new Uint8Array() : response.body;
  return encodeAnswer({ kind: "answer", status: response.status, headers, body });
}

/** `process`: name of the relay's process, a part of subjects. */
export function createAnswers(nc: NatsConnection, clock: Clock, process: string): Answers {
  const prefix = `${FLOW_PREFIX}.${process}`;
  const asked = new Map<string, (seen: boolean) => void>();
  let next = 0;
  const subscription = nc.subscribe(`${prefix}.*.seen.*`, {
    callback(error: Error | null, msg: Msg) {
      if (error === null) asked.get(msg.subject)?.(msg.string() === "1");
    },
  });

  /** Publishes an answer. False if the broker does not take it, because it is larger than `max_payload`. The gateway then answers 202 when its wait is over. */
  function publish(to: string, payload: Uint8Array, reply?: string): boolean {
    try {
      nc.publish(to, payload, reply === undefined ? undefined : { reply });
      return true;
    } catch {
      return false;
    }
  }

  return {
    hand(to, response) {
      const payload = encode(response);
      atTurnEnd(() => void publish(to, payload));
    },
    handRefusal(to, response) {
      const reply = `${prefix}.${inboxOwner(to) ?? ""}.seen.${next++}`; // only that gateway may publish there
      const payload = encode(response); // first: if it throws, nothing is left behind
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const cancel = clock.after(SEEN_TIMEOUT_MS, () => resolve(false));
      asked.set(reply, resolve);
      if (!publish(to, payload, reply)) resolve(false);
      return promise.finally(() => {
        cancel();
        asked.delete(reply);
      });
    },
    accepted: (to, reason) => void publish(to, encodeAnswer({ kind: "accepted", reason })),
    close: () => subscription.unsubscribe(),
  };
}
