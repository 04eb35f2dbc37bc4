import { jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { readStates } from "../../../src/shared/log/state/state-store.ts";
import { deadLetters } from "../../../src/shared/log/state/dead-letters.ts";
import {
  HOLDINGS_SUBJECT,
  questionSubject,
  RECEIPT_SUBJECT,
} from "../../../src/shared/log/schema/subjects.ts";
import { encodeOpening, TUNNEL_SUBJECT, type Opening } from "../../../src/shared/messages/tunnel/opening.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

/** Whatever is published there pauses everything; a gateway may not, a relay may. */
const ELSEWHERE = "$KV.RR_STATE.paused";

test("ADR 0012: a relay answers into inboxes only, so no caller makes it publish elsewhere", async () => {
  await using broker = await provisioned(await startTestBroker({ sync: false }));
  await using coordinator = await startCoordinator();
  coordinator.createSession("s1");
  await using relay = await startTestRelay(broker, coordinator.url);
  const gateway = await broker.connect("gateway");
  const operator = await broker.connect("operator");
  const jsm = await jetstreamManager(operator, { checkAPI: false });
  const { append } = createAppender(gateway);
  const ask = (question: string): string => questionSubject(question, "gw1");
  for (const answer of [ELSEWHERE, "_INBOX_gw.x y", "_INBOX_gw.>"]) await append("s2", {}, { answer });
  for (const answer of ["rr.state.forged", "_INBOX_rl.x", "_INBOX_op.x"]) await append("s1", {}, { answer });
  await append("s2", {}, { id: "no token" });
  const { id, seq } = await append("s1");
  const opening: Opening = {
    v: 1,
    method: "GET",
    target: "/sessions",
    headers: [],
    body: { kind: "none" },
    gateway: "g",
  };
  for (const [subject, question] of [
    [ask(RECEIPT_SUBJECT), JSON.stringify({ id, seq })],
    [ask(RECEIPT_SUBJECT), "no question"],
    [ask(TUNNEL_SUBJECT), encodeOpening(opening)],
  ] as const)
    gateway.publish(subject, question, { reply: ELSEWHERE });
  for (const [subject, question] of [
    [RECEIPT_SUBJECT, JSON.stringify({ id, seq })],
    [HOLDINGS_SUBJECT, JSON.stringify({ v: 1, session: "s1" })],
  ] as const)
    for (const reply of ["$KV.RR_STATE.checkpoint.0", "_INBOX_rl.x"])
      operator.publish(subject, question, { reply });
  await eventually(async () => {
    const receipt = await gateway.request(ask(RECEIPT_SUBJECT), JSON.stringify({ id, seq }));
    expect(receipt.json()).toMatchObject({ state: "delivered" });
    // no subject that a gateway could mean
    const letters = await Array.fromAsync(deadLetters(jsm));
    expect(letters.map(({ session }) => session)).toEqual(["s2", "s2", "s2", "s2"]);
  });
  expect([...(await readStates(jsm, "paused")).keys()]).toEqual([]);
  expect(relay.fatal).toEqual([]);
});
