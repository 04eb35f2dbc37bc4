import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { freePort, givePortBack } from "../../../../src/cli/up/ports.ts";

const NAME = "RUNNER_RELAY_ADMIN_PORT";

test("a port that is still free is given back", async () => {
  const kept = await freePort();
  const env: Record<string, string> = {};
  await givePortBack(env, NAME, kept, "127.0.0.1");
  expect(env).toEqual({ [NAME]: String(kept) });
});

test("one that is taken by now is not, nor one beside a chosen one, nor one that was never kept", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const env: Record<string, string> = {};
  await givePortBack(env, NAME, (server.address() as AddressInfo).port, "127.0.0.1");
  await givePortBack(env, NAME, undefined, "127.0.0.1");
  expect(env).toEqual({});
  const chosen = { [NAME]: "0" };
  await givePortBack(chosen, NAME, await freePort(), "127.0.0.1");
  expect(chosen).toEqual({ [NAME]: "0" });
});
