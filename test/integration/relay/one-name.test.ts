import { expect, test } from "vitest";
import { startTestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";

const SESSIONS = Array.from({ length: 24 }, (_, i) => `ses_${i}`);

test("ORDER-1, ONCE-1: of two relays with one name the later gives way, and neither gets what the other one pulls", async () => {
  await using broker = await provisioned(await startTestBroker());
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  const first = await startTestRelay(broker, coordinator.url, { relay: "hub" });
  const { append } = createAppender(await broker.connect("gateway"));
  const ids: string[] = [];
  const round = async (): Promise<void> => {
    for (const session of SESSIONS) ids.push((await append(session)).id);
  };
  const allDelivered = async (): Promise<void> => {
    await expect.poll(() => coordinator.summary().keys).toBe(ids.length);
  };
  await round();
  await allDelivered();
  await using later = await startTestRelay(broker, coordinator.url, { relay: "hub" });
  await expect.poll(() => later.fatal).toMatchObject([{ code: "relay_name_taken" }]);
  for (let i = 0; i < 10; i++) await round();
  await allDelivered();
  expect(first.fatal).toEqual([]);
  expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0, repeats: 0 });
  await first.close();
  await using third = await startTestRelay(broker, coordinator.url, { relay: "hub" });
  expect(third.fatal).toEqual([]);
  await round();
  await allDelivered();
  expect(coordinator.summary()).toMatchObject({ inverted: 0, stale: 0, repeats: 0 });
});
