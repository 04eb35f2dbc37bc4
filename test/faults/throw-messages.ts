import { eventSubject } from "../support/eight-shards.ts";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import type { NatsConnection } from "@nats-io/nats-core";
import { connectBroker, type BrokerAccess } from "../../src/shared/log/broker.ts";
import { gatewayInbox, questionSubject, RECEIPT_SUBJECT } from "../../src/shared/log/schema/subjects.ts";
import { decodeMessage } from "../../src/shared/messages/tunnel/frame.ts";
import { encodeOpening, TUNNEL_SUBJECT } from "../../src/shared/messages/tunnel/opening.ts";
import { BOMB_RUNNER, messageBombOf, type MessageBomb } from "./message-bombs.ts";
import { seededRandom } from "./random.ts";

export type MessagePlan = {
  access: BrokerAccess;
  gateway: string;
  seed: number;
  messages: number;
  /** A second, over all throwers. */
  perSecond: number;
  throwers: number;
};

export type Thrown = {
  events: number;
  unreadable: number;
  questions: number;
  floods: number;
  refused: number;
};

/** Sessions that the bombs are spread over. */
const SESSIONS = 200;
/** A relay says at once that it took a request. */
const ACCEPT_MS = 2000;

async function throwAll({
  access,
  gateway,
  seed,
  messages,
  perSecond,
  throwers,
}: MessagePlan): Promise<Thrown> {
  const inbox = gatewayInbox(gateway);
  const nc = await connectBroker(access, { name: "bombs", inboxPrefix: inbox });
  const random = seededRandom(seed);
  const thrown: Thrown = { events: 0, unreadable: 0, questions: 0, floods: 0, refused: 0 };
  const start = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: throwers }, async () => {
      while (next < messages) {
        const due = start + (next++ * 1000) / perSecond;
        const bomb = messageBombOf(random, SESSIONS);
        const early = due - performance.now();
        if (early > 0) await delay(early);
        await throwOne(nc, gateway, bomb, thrown).catch(() => thrown.refused++);
      }
    }),
  );
  await nc.drain();
  return thrown;
}

async function throwOne(
  nc: NatsConnection,
  gateway: string,
  bomb: MessageBomb,
  thrown: Thrown,
): Promise<void> {
  switch (bomb.kind) {
    case "event": {
      const subject = eventSubject(BOMB_RUNNER, bomb.session, "event");
      const reply = await nc.request(subject, bomb.payload, { timeout: 5000 });
      if (reply.json<{ error?: unknown }>().error !== undefined) throw new Error("refused");
      thrown.events++;
      if (bomb.unreadable) thrown.unreadable++;
      return;
    }
    case "question": {
      const subject = questionSubject(bomb.of === "http" ? TUNNEL_SUBJECT : RECEIPT_SUBJECT, gateway);
      await nc.request(subject, bomb.payload, { timeout: ACCEPT_MS }).catch(() => undefined); // none is due
      thrown.questions++;
      return;
    }
    case "flood": {
      const opening = encodeOpening({
        v: 1,
        method: "POST",
        target: "/flood",
        headers: [],
        body: { kind: "frames" },
        gateway,
      });
      const reply = await nc.request(questionSubject(TUNNEL_SUBJECT, gateway), opening, {
        timeout: ACCEPT_MS,
      });
      const accept = decodeMessage(reply.data)?.frames.find((frame) => frame.type === "accept");
      if (accept?.type !== "accept") throw new Error("not taken");
      for (const message of bomb.messages) nc.publish(accept.subject, message);
      await nc.flush();
      thrown.floods++;
      return;
    }
  }
}

if (!isMainThread) parentPort?.postMessage(await throwAll(workerData as MessagePlan), []);
