import { jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { readBacklog } from "../../../src/shared/messages/status/backlog.ts";
import { ENVELOPE_VERSION } from "../../../src/shared/log/schema/envelope.ts";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

test("SETTLE-1: an event of a newer gateway stops an older relay, by name, and stays in the log behind what was sent", async () => {
  await using broker = await provisioned(await startTestBroker());
  await using coordinator = await startCoordinator();
  coordinator.createSession("s1");
  await using relay = await startTestRelay(broker, coordinator.url);
  const { append } = createAppender(await broker.connect("gateway"));
  await append("s1");
  await eventually(() => expect(coordinator.writes("s1")).toHaveLength(1));
  await append("s1", {}, { v: ENVELOPE_VERSION + 1 });
  await eventually(() => expect(relay.fatal[0]).toMatchObject({ code: "schema_newer" }));
  await relay.close();
  expect(coordinator.writes("s1")).toHaveLength(1);
  const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  expect((await readBacklog(jsm)).events, "it waits for the newer relay").toBe(1);
});
