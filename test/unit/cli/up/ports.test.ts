import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { freePort, givePortBack } from "../../../../src/cli/up/ports.ts";

const NAME = "RUNNER_RELAY_ADMIN_PORT";

test("a port that is still free is given back", async () => {
  const kept = await freePort();
  const env: Record<string, string> = {};
  await givePortBack(env, NAME, { port: kept, usual: 1 }, "127.0.0.1");
  expect(env).toEqual({ [NAME]: String(kept) });
});

test("one that is taken by now is not, nor one beside a chosen one, nor one that was never kept, nor the usual one, which a child tries by itself", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const env: Record<string, string> = {};
  const { port } = server.address() as AddressInfo;
  await givePortBack(env, NAME, { port, usual: 1 }, "127.0.0.1");
  await givePortBack(env, NAME, { port: undefined, usual: 1 }, "127.0.0.1");
  const usual = await freePort();
  await givePortBack(env, NAME, { port: usual, usual }, "127.0.0.1");
  expect(env).toEqual({});
  const chosen = { [NAME]: "0" };
  await givePortBack(chosen, NAME, { port: await freePort(), usual: 1 }, "127.0.0.1");
  expect(chosen).toEqual({ [NAME]: "0" });
});
