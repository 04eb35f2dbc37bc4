import { eventSubject } from "../../support/eight-shards.ts";
import { expect, onTestFinished, test } from "vitest";
import { encodeEnvelope } from "../../../src/shared/log/schema/envelope.ts";
import { startTestBroker } from "../../support/broker.ts";
import { operatorCli } from "../../support/operator.ts";
import { createAppender, provisioned } from "../../support/relay.ts";

const RUNNER = "runner-1";

test("messages made to be expensive blind no command: what lies behind them is found", async () => {
  const broker = await provisioned(await startTestBroker({ sync: false }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const gateway = await broker.connect("gateway");
  const { append } = createAppender(gateway, RUNNER);
  const deep = Buffer.alloc(1_000_000, "[");
  const bombs = [
    Buffer.concat([Buffer.from([0xdd, 0, 0x30, 0, 0]), Buffer.alloc(0x300000, 0x80)]),
    Buffer.alloc(1_000_000, 0x91),
    Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
    encodeEnvelope({
      v: 1,
      id: "deep",
      kind: "event",
      session: "s1",
      runner: RUNNER,
      epoch: "e",
      seq: 1,
      at: 0,
      type: "application/json",
      body: deep,
    }),
  ];
  for (const payload of bombs)
    await gateway.request(eventSubject(RUNNER, "s1", "event"), payload, { timeout: 20_000 });
  const { id } = await append("s1");
  const cli = operatorCli(broker);
  const said = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };
  const waiting = bombs.length + 1;
  expect(JSON.parse(await said("status", "--json"))).toMatchObject({ backlog: { events: waiting } });
  const lines = (await said("tail", "--no-follow", "--json")).trim().split("\n");
  expect(lines).toHaveLength(waiting);
  expect(lines.filter((line) => line.includes("not an envelope"))).toHaveLength(3);
  expect(await said("tail", "--no-follow")).toContain("not an envelope");
  expect(await said("deliveries", "--session", "s1", "--json")).toContain(id);
  expect(await said("replay", "--session", "s1", "--dry-run")).toContain(
    `${waiting} events that are pending`,
  );
});
