import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startTestBroker } from "../../support/broker.ts";
import { operatorCli, operatorEnv } from "../../support/operator.ts";
import { runCli } from "../../support/up.ts";

/** What operators are told on bad days of the broker; a broker that is away: pause, status and tail. */

test("a broker that accepts connections and never answers: the command says so, and ends", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => void sockets.add(socket)).listen(0, "127.0.0.1");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const finished = await runCli(["dead", "ls"], { env: { NATS_URL: `nats://127.0.0.1:${port}` } });
  expect(finished).toMatchObject({ code: 1, stderr: expect.stringMatching(/^log_unreachable: .*timeout/) });
});

test("CRED-1: a tls:// URL is an order: where the broker has no TLS, the password is not sent", async () => {
  await using broker = await startTestBroker({ sync: false });
  const env = { ...operatorEnv(broker), NATS_URL: broker.url.replace("nats:", "tls:") };
  const finished = await runCli(["status"], { env });
  expect(finished).toMatchObject({ code: 1, stderr: expect.stringMatching(/^broker_refused: tls:.*'tls'/) });
});

test("a broker without a log: what to do about it", async () => {
  await using broker = await startTestBroker({ sync: false });
  const cli = operatorCli(broker);
  const commands = [
    ["status"],
    ["tail"],
    ["dead", "ls"],
    ["dead", "show", "e1"],
    ["resume"],
    ["reconcile", "--all"],
  ];
  for (const said of await Promise.all(commands.map((args) => cli(...args))))
    expect(said).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^stream_missing: .*provision`\n$/),
    });
});
