import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { createCoordinator, type Coordinator } from "../../../../src/relay/coordinator/client.ts";
import { verdictOf, type AttemptResult } from "../../../../src/relay/coordinator/verdict.ts";
import { SecretRegistry } from "../../../../src/shared/base/logger.ts";
import { USER_AGENT } from "../../../../src/shared/base/version.ts";

const POST = { method: "POST", path: "/x", headers: {}, body: Buffer.from("{}") } as const;

/** A coordinator that answers with `listener`, and the way to it. */
async function facing(
  listener: RequestListener,
  secrets = new SecretRegistry(),
): Promise<Coordinator & AsyncDisposable> {
  const server = createServer({ maxHeaderSize: 64 * 1024 }, listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const coordinator = createCoordinator({ url, connections: 4, attemptTimeoutMs: 10_000, secrets });
  return {
    ...coordinator,
    async [Symbol.asyncDispose]() {
      await coordinator.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

function textOf(result: AttemptResult): string {
  return result.kind === "response" ? Buffer.from(result.body).toString() : result.kind;
}

const delivered = (result: AttemptResult): boolean => verdictOf(result, "event", 0).kind === "delivered";

test("every request has a User-Agent and asks for no coding, unless the caller sets them", async () => {
  await using coordinator = await facing((request, response) => {
    const { "user-agent": agent, "accept-encoding": coding } = request.headers;
    response.end(JSON.stringify({ agent, coding }));
  });
  const said = textOf(await coordinator.send(POST).result);
  expect(JSON.parse(said)).toEqual({ agent: USER_AGENT, coding: "identity" });
  const own = textOf(await coordinator.send({ ...POST, headers: { "user-agent": "other" } }).result);
  expect(JSON.parse(own)).toMatchObject({ agent: "other" });
});

test.each<[string, string, Buffer, string]>([
  ["gzip that nobody asked for", "gzip", gzipSync('{"ok":true}'), '{"ok":true}'],
  ["a coding that it does not have", "gzip", Buffer.from('{"ok":true}'), '{"ok":true}'],
  ["a byte order mark under a coding", "gzip", gzipSync('\ufeff{"ok":true}'), '{"ok":true}'],
  ["a coding that nobody knows", "x-own", Buffer.from([0xff, 0xfe]), ""],
  ["a bomb", "gzip", gzipSync(Buffer.alloc(5 * 1024 * 1024)), ""],
])(
  "SETTLE-1: 201 in JSON with %s is delivered, and handed on without coding",
  async (_, coding, body, text) => {
    await using coordinator = await facing((_request, response) => {
      response.writeHead(201, { "content-type": "application/json", "content-encoding": coding }).end(body);
    });
    const result = await coordinator.send(POST).result;
    expect(delivered(result)).toBe(true);
    expect(textOf(result)).toBe(text);
    expect(result).not.toHaveProperty("headers.content-encoding");
  },
);

test("a refusal that is packed is read; one that cannot be read is no refusal", async () => {
  await using coordinator = await facing((request, response) => {
    const coding = String(request.headers["x-coding"]);
    response
      .writeHead(422, { "content-type": "application/json", "content-encoding": coding })
      .end(gzipSync('{"detail":"no"}'));
  });
  const verdict = async (coding: string): Promise<string> =>
    verdictOf(await coordinator.send({ ...POST, headers: { "x-coding": coding } }).result, "event", 0).kind;
  expect(await verdict("gzip")).toBe("dead");
  expect(await verdict("x-own")).toBe("retry");
});

test("CRED-1: a packed answer that quotes a secret is unpacked and struck out", async () => {
  const secrets = new SecretRegistry();
  secrets.add("a-secret-of-this-test");
  await using coordinator = await facing((_, response) => {
    const body = gzipSync('{"detail":"a-secret-of-this-test is no token"}');
    response.writeHead(400, { "content-type": "application/json", "content-encoding": "gzip" }).end(body);
  }, secrets);
  const text = textOf(await coordinator.send(POST).result);
  expect(text).toContain("is no token");
  expect(text).not.toContain("a-secret-of-this-test");
});
