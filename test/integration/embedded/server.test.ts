import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { expect, test, vi } from "vitest";
import { startTestBroker } from "../../support/broker.ts";

test("a restart after kill -9 keeps the port, the users and what was acknowledged (DURABLE-1)", async () => {
  await using broker = await startTestBroker();
  const admin = await broker.connect("admin");
  const manager = await jetstreamManager(admin);
  await manager.streams.add({ name: "S", subjects: ["rr.ev.>"] });
  const gateway = await broker.connect("gateway");
  const ack = await jetstream(gateway).publish("rr.ev.1.r.s.event", "kept");
  expect(ack.seq).toBe(1);

  const { url } = broker;
  const before = broker.pid();
  await broker.kill9();
  await broker.restart();
  expect(broker.url).toBe(url);
  expect(broker.pid()).not.toBe(before);

  // the connection of before comes back by itself, as the same user
  await vi.waitFor(() => gateway.rtt(), { timeout: 10_000 });
  const again = await broker.connect("admin");
  const stored = await (await jetstreamManager(again)).streams.getMessage("S", { seq: 1 });
  expect(stored?.string()).toBe("kept");
});
