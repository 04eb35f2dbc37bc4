import { eventSubject } from "../../support/eight-shards.ts";
import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { operatorCli } from "../../support/operator.ts";
import { createAppender, provisioned } from "../../support/relay.ts";

/** What no client library writes, but any user who may publish events can store. */
const HEADS = ["bad name: x\r\n\r\n", "X: a\nb\r\n\r\n", ": y\r\n\r\n", "X: no end"].map(
  (it) => `NATS/1.0\r\n${it}`,
);
HEADS.push("NATS/1.0 503 gone\r\nX: y\r\n\r\n", "NATS/1.0 404 none\r\n\r\n");

async function appendRaw(broker: TestBroker, session: string): Promise<void> {
  const { user, password: pass } = broker.access("gateway", "gw1");
  const { hostname, port } = new URL(broker.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "data"); // INFO
  socket.write(`CONNECT ${JSON.stringify({ user, pass, headers: true, verbose: false })}\r\n`);
  const subject = eventSubject("runner-1", session, "event");
  for (const head of HEADS)
    socket.write(`HPUB ${subject} ${head.length} ${head.length + 2}\r\n${head}no\r\n`);
  socket.write("PING\r\n");
  for (let said = ""; !said.includes("PONG");) said += String((await once(socket, "data"))[0]);
  socket.destroy();
}

test("messages whose headers are none blind no command: what lies behind them is found", async () => {
  const broker = await provisioned(await startTestBroker({ sync: false }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  await appendRaw(broker, "s1");
  const { append } = createAppender(await broker.connect("gateway"));
  const { id } = await append("s1");
  const cli = operatorCli(broker);
  const said = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };
  const waiting = HEADS.length + 1;
  expect(JSON.parse(await said("status", "--json"))).toMatchObject({
    backlog: { events: waiting },
    sessions: { list: [{ session: "s1", events: waiting }] },
  });
  expect((await said("tail", "--no-follow", "--json")).trim().split("\n")).toHaveLength(waiting);
  expect(JSON.parse(await said("deliveries", id, "--json"))).toMatchObject({
    event_id: id,
    state: "pending",
  });
  expect(await said("deliveries", "--session", "s1", "--json")).toContain(id);
  expect(await said("replay", "--session", "s1", "--dry-run")).toContain(
    `${waiting} events that are pending`,
  );
});
