import type { NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { createAnswers } from "../../../../src/relay/coordinator/answers.ts";
import { createFakeClock, promises } from "../../../support/fake-clock.ts";
import { response } from "../lanes/turn-stage.ts";

const TO = "_INBOX_gw.gw1.n.answer.1";

/** A broker that takes small messages only, and what it took. */
function stage(): { answers: ReturnType<typeof createAnswers>; taken: string[] } {
  const taken: string[] = [];
  const nc = {
    isClosed: () => false,
    subscribe: () => ({ unsubscribe() {} }),
    publish(subject: string, payload: Uint8Array, options?: { reply?: string }) {
      if (payload.length > 1000) throw new Error("max_payload size exceeded");
      taken.push(subject);
      if (options?.reply !== undefined) taken.push(options.reply);
    },
  } as unknown as NatsConnection;
  return { answers: createAnswers(nc, createFakeClock(), "r"), taken };
}

function answer(length: number): ReturnType<typeof response> & { kind: "response" } {
  const made = response(201, { text: "x".repeat(length) });
  if (made.kind !== "response") throw new Error(made.kind);
  return made;
}

test("ISOLATE-1: an answer larger than the broker takes is not handed out, and ends no relay", async () => {
  const { answers, taken } = stage();
  answers.hand(TO, answer(2000));
  answers.hand(TO, answer(20));
  await promises();
  await promises();
  expect(taken).toEqual([TO]);
});

test("SETTLE-1: a refusal larger than the broker takes was not received by the executor", async () => {
  const { answers } = stage();
  expect(await answers.handRefusal(TO, answer(2000))).toBe(false);
});

test("ADR 0018: whether it was seen can be said by the gateway that was asked, and by no other", () => {
  const { answers, taken } = stage();
  void answers.handRefusal(TO, answer(20));
  void answers.handRefusal("_INBOX_gw.gw=2E2.n.answer.1", answer(20));
  const replies = taken.filter((subject) => !subject.startsWith("_INBOX"));
  expect(replies).toEqual(["rr.flow.gw.r.gw1.seen.0", "rr.flow.gw.r.gw=2E2.seen.1"]);
});
