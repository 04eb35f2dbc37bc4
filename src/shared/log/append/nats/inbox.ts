import type { NatsConnection } from "@nats-io/transport-node";
import { errorText } from "../../../base/errors.ts";
import type { Ack } from "../log.ts";

/** A commit that is on its way. */
export type UnderWay = {
  /** Unguessable: another listener to the inbox learns it from an ack, too late to send one in the broker's place. */
  commit: string;
  /** Subjects of its messages, by position. */
  subjects: readonly string[];
  /** Called for each position at most once; undefined ends all that are open. */
  answer(position: number | undefined, text: string | undefined, ack?: Ack): void;
};

/** Takes what the broker says to the commit that is on its way; there is at most one. */
export type Inbox = {
  begin(underWay: UnderWay): void;
  end(commit: string): void;
  /** Subject for the broker's answer to the message at a position of a commit. */
  replyTo(commit: string, position: number): string;
  /** The connection was lost, and with it the answers. */
  lost(): void;
  /** A denied publish is not answered on the inbox; the broker names its subject in a protocol error. */
  denied(error: Error): void;
  close(): void;
};

/** `inbox`: subject prefix that only this process listens to. */
export function createInbox(connection: NatsConnection, inbox: string): Inbox {
  const prefix = `${inbox}.ack.`;
  let underWay: UnderWay | undefined;

  const subscription = connection.subscribe(`${prefix}*.*`, {
    callback: (error, message) => {
      if (error || underWay === undefined) return;
      const [commit, position] = message.subject.slice(prefix.length).split(".");
      if (commit !== underWay.commit) return; // late answer to a commit that was given up
      // No stream listens to the subject: nothing was stored.
      const ack: Ack | undefined =
        message.data.length === 0 && message.headers?.code === 503
          ? { kind: "refused", refusal: "later", detail: "no stream accepts the subject" }
          : undefined;
      underWay.answer(Number(position), message.string(), ack);
    },
  });

  return {
    begin: (next) => void (underWay = next),
    end(commit) {
      if (underWay?.commit === commit) underWay = undefined;
    },
    replyTo: (commit, position) => `${prefix}${commit}.${position}`,
    lost: () => underWay?.answer(undefined, undefined),
    denied(error) {
      const subject = "subject" in error ? error.subject : undefined;
      underWay?.subjects.forEach((denied, position) => {
        if (denied !== subject) return;
        underWay?.answer(position, undefined, {
          kind: "refused",
          refusal: "log_refused",
          detail: errorText(error),
        });
      });
    },
    close: () => subscription.unsubscribe(),
  };
}
