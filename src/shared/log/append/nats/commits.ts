import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../../../base/clock.ts";
import { errorText } from "../../../base/errors.ts";
import { readAck, readBatchAck } from "../ack.ts";
import type { Ack, BatchAck, LogMessage } from "../log.ts";
import type { Inbox, UnderWay } from "./inbox.ts";
import { publish, tooLarge } from "./publish.ts";

export type CommitDeps = {
  connection: NatsConnection;
  inbox: Inbox;
  /** Makes names of commits and batches. They are secret, because a client that knew the name of an open batch could put messages into it. */
  newToken: () => string;
  clock: Clock;
};

const LOST = "the connection to the broker was lost";
const TOO_LARGE: Ack = {
  kind: "refused",
  refusal: "log_refused",
  detail: "larger than the broker accepts",
};

function notInTime(timeoutMs: number): string {
  return `the broker did not answer within ${timeoutMs} ms`;
}

/** Publishes each message by itself, and resolves with the broker's word on each. */
export function commitSingles(
  { connection, inbox, newToken, clock }: CommitDeps,
  messages: readonly LogMessage[],
  timeoutMs: number,
): Promise<readonly Ack[]> {
  return new Promise((resolve) => {
    const acks: (Ack | undefined)[] = Array.from({ length: messages.length });
    const commit = newToken();
    let open = messages.length;
    let cancel = (): void => undefined;
    const end = (detail: string): void => {
      cancel();
      inbox.end(commit);
      resolve(acks.map((ack) => ack ?? { kind: "unknown", detail }));
    };
    const answer: UnderWay["answer"] = (position, text, ack) => {
      if (position === undefined) return end(LOST);
      if (!(position in acks) || acks[position] !== undefined) return;
      acks[position] = ack ?? readAck(text ?? "");
      if (--open === 0) end("");
    };
    cancel = clock.after(timeoutMs, () => end(notInTime(timeoutMs)));
    inbox.begin({ commit, subjects: messages.map((message) => message.subject), answer });
    for (const [position, message] of messages.entries()) {
      if (tooLarge(connection, message)) {
        answer(position, undefined, TOO_LARGE);
        continue;
      }
      try {
        publish(connection, message, inbox.replyTo(commit, position), "");
      } catch (error) {
        // Closed connection. What the client refused was not sent, but it may be the connection's end: leave it open.
        return end(errorText(error));
      }
    }
  });
}

/** Publishes all messages as one atomic batch. */
export function commitBatch(
  { connection, inbox, newToken, clock }: CommitDeps,
  messages: readonly LogMessage[],
  timeoutMs: number,
): Promise<BatchAck> {
  // Never begin what cannot be finished: the broker keeps an open batch for 10 s, and at most 50 of them.
  if (messages.some((message) => tooLarge(connection, message)))
    return Promise.resolve({ kind: "refused", detail: "one is larger than the broker accepts" });
  return new Promise((resolve) => {
    const commit = newToken();
    const id = newToken();
    const last = messages.length - 1;
    let cancel = (): void => undefined;
    const end = (ack: BatchAck): void => {
      cancel();
      inbox.end(commit);
      resolve(ack);
    };
    const answer: UnderWay["answer"] = (position, text, ack) => {
      if (position === undefined) end({ kind: "unknown", detail: LOST });
      else if (ack?.kind === "refused") end({ kind: "refused", detail: ack.detail });
      else end(readBatchAck(text ?? "", messages.length));
    };
    cancel = clock.after(timeoutMs, () => end({ kind: "unknown", detail: notInTime(timeoutMs) }));
    inbox.begin({ commit, subjects: messages.map((message) => message.subject), answer });
    try {
      messages.forEach((message, i) => {
        const step = `Nats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${i + 1}\r\n`;
        if (i < last) publish(connection, message, undefined, step);
        else publish(connection, message, inbox.replyTo(commit, i), `${step}Nats-Batch-Commit: 1\r\n`);
      });
    } catch (error) {
      end({ kind: "unknown", detail: errorText(error) });
    }
  });
}
