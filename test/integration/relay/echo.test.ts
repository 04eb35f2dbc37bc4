import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCoordinator, type Coordinator } from "../../../src/relay/coordinator/client.ts";
import type { AttemptResult } from "../../../src/relay/coordinator/verdict.ts";
import { SecretRegistry } from "../../../src/shared/base/logger.ts";

const KEY = "planted/key+of &the relay=1";
const PACK: Record<string, (text: string) => Uint8Array> = {
  gzip: (text) => gzipSync(text),
  deflate: (text) => deflateSync(text),
  br: (text) => brotliCompressSync(text),
  zstd: (text) => zstdCompressSync(text),
};

describe("CRED-1: an answer to an event that quotes the credential", () => {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    response.statusCode = Number(searchParams.get("status") ?? 200);
    response.setHeader("content-type", "application/json");
    if (pathname === "/header")
      response.setHeader("x-echo", [String(request.headers.authorization), "other"]);
    const text = JSON.stringify({
      ok: true,
      sent: pathname === "/clean" ? "word" : request.headers.authorization,
    });
    const coding = searchParams.get("coding");
    if (coding !== null) response.setHeader("content-encoding", coding);
    response.end(coding === null ? text : PACK[coding]?.(text));
  });
  let coordinator: Coordinator;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const secrets = new SecretRegistry();
    for (const secret of [KEY, "word"]) secrets.add(secret);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    coordinator = createCoordinator({ url, connections: 2, attemptTimeoutMs: 10_000, secrets });
  });

  afterAll(async () => {
    await coordinator?.close();
    server.closeAllConnections();
    server.close();
  });

  async function ask(path: string): Promise<AttemptResult & { kind: "response" }> {
    const headers = { authorization: `Bearer ${KEY}` };
    const result = await coordinator.send({ method: "POST", path, headers, body: Buffer.from("{}") }).result;
    if (result.kind !== "response") throw new Error(result.text);
    return result;
  }

  it.each([200, 202, 400, 401, 500])("is without it, status %i", async (status) => {
    const { body, headers } = await ask(`/header?status=${status}`);
    expect(JSON.parse(Buffer.from(body).toString())).toEqual({ ok: true, sent: "Bearer [secret]" });
    expect(JSON.stringify(headers)).not.toContain("planted");
    expect(String(headers["x-echo"])).toBe("Bearer [secret],other");
  });

  it.each(Object.keys(PACK))(
    "compressed by %s it is unpacked and struck out; what quotes nothing is only unpacked",
    async (coding) => {
      const textOf = async (path: string): Promise<unknown> => {
        const { body, headers } = await ask(path);
        expect(headers["content-encoding"]).toBeUndefined();
        return JSON.parse(Buffer.from(body).toString());
      };
      expect(await textOf(`/?coding=${coding}`)).toEqual({ ok: true, sent: "Bearer [secret]" });
      expect(await textOf(`/clean?coding=${coding}`)).toEqual({ ok: true, sent: "word" });
    },
  );

  it("a short password that is also a word damages no answer of success", async () => {
    expect(Buffer.from((await ask("/clean")).body).toString()).toContain('"word"');
    expect(Buffer.from((await ask("/clean?status=400")).body).toString()).toContain('"[secret]"');
  });
});
