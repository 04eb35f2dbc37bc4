import { expect, test } from "vitest";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { decodeAnswer } from "../../../src/shared/messages/answer.ts";
import { decodeMessage, encodeMessage, type Frame } from "../../../src/shared/messages/tunnel/frame.ts";
import { encodeOpening, TUNNEL_SUBJECT } from "../../../src/shared/messages/tunnel/opening.ts";
import type { TestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { startPlainServer } from "../../support/plain-server.ts";
import { createAppender, startTestRelay } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

// A gateway of before ADR 0018 beside a relay of today, at a broker whose users were not changed yet: an upgrade goes relay by relay.

const NONCE = "abcdefghij012345";
const INBOX = `_INBOX_gw.gw1.${NONCE}`;

test("an older gateway's requests, bodies and events are served as before", async () => {
  await using server = await startPlainServer({ jetstream: true });
  const connect = (inboxPrefix: string): ReturnType<typeof connectBroker> =>
    connectBroker({ servers: [server.url] }, { name: "test", inboxPrefix });
  const admin = await connect("_INBOX_ad");
  await provision(admin, { logBytes: 64 * 1024 * 1024 });
  await using coordinator = await startCoordinator();
  coordinator.createSession("s1");
  const broker = { connect: () => connect("_INBOX_rl") } as unknown as TestBroker;
  await using relay = await startTestRelay(broker, coordinator.url);
  const gateway = await connect("_INBOX_gw.gw1");
  const frames: Frame[] = [];
  gateway.subscribe(`${INBOX}.tunnel.0`, {
    callback: (_, { data }) => void frames.push(...(decodeMessage(data)?.frames ?? [])),
  });
  const answers: unknown[] = [];
  const told: string[] = [];
  gateway.subscribe(`${INBOX}.answer.*`, {
    callback(_, { data, subject }) {
      answers.push(decodeAnswer(data));
      told.push(subject);
    },
  });
  await gateway.flush();

  const headers = ["content-type", "application/json"];
  const opening = { v: 1, method: "POST", target: "/sessions", headers, gateway: NONCE } as const;
  gateway.publish(TUNNEL_SUBJECT, encodeOpening({ ...opening, body: { kind: "frames" } }), {
    reply: `${INBOX}.tunnel.0`,
  });
  const accept = await eventually(() => {
    const found = frames.find(({ type }) => type === "accept");
    if (found?.type !== "accept") throw new Error("not accepted yet");
    return found;
  });
  const body = Buffer.from(JSON.stringify({ session_id: "s2" }));
  gateway.publish(
    accept.subject,
    encodeMessage(0, [
      { type: "data", bytes: body },
      { type: "end", trailers: [] },
    ]),
  );
  gateway.publish(`rr.flow.gw.${accept.relay}.beat.${NONCE}`);
  await expect.poll(() => frames.map(({ type }) => type)).toContain("end");
  expect(frames.find(({ type }) => type === "head")).toMatchObject({ type: "head" });

  const id = `${NONCE}-1`;
  await createAppender(gateway).append("s1", {}, { id, answer: `${INBOX}.answer.${id}` });
  await expect.poll(() => told).toEqual([`${INBOX}.answer.${id}`]);
  expect(relay.fatal).toEqual([]);
  await Promise.all([gateway.close(), admin.close()]);
});
