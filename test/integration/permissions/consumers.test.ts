import { AckPolicy, DeliverPolicy, jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker } from "../../support/broker.ts";
import { createAppender, provisioned } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

test("ADR 0012: a login that may create consumers can make the server speak as a relay, so operators may not", async () => {
  await using broker = await provisioned(await startTestBroker({ sync: false }));
  const gateway = await broker.connect("gateway");
  const heard: string[] = [];
  gateway.subscribe("rr.state.>", { callback: (_, message) => void heard.push(message.subject) });
  await createAppender(gateway).append("s1");
  const forging = {
    durable_name: "forging",
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    deliver_subject: "rr.state.forged",
  } as const;
  const nc = await broker.connect("operator");
  nc.subscribe("rr.state.forged", { callback() {} }); // it may listen there, and that wakes the consumer
  const operator = await jetstreamManager(nc, { checkAPI: false });
  await expect(operator.consumers.add(EVENTS_STREAM, forging)).rejects.toThrow(/permissions violation/i);
  const admin = await broker.connect("admin"); // who may not publish there either
  const jsm = await jetstreamManager(admin, { checkAPI: false });
  await jsm.consumers.add(EVENTS_STREAM, forging);
  await eventually(() => expect(heard).toEqual([expect.stringMatching(/^rr\./)]));
});
