import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { describe, expect, it } from "vitest";
import { startReflector } from "./reflector.ts";
import { startStack } from "./stack.ts";

describe("everything else passes through", () => {
  it("GET, POST, large bodies, status and headers", async () => {
    await using upstream = await startReflector();
    await using stack = await startStack(upstream.url);
    const get = await fetch(`${stack.url}/sessions?limit=2`);
    expect(get.status).toBe(200);
    expect(await get.json()).toMatchObject({ method: "GET", target: "/sessions?limit=2" });
    const teapot = await fetch(
      `${stack.url}/x?status=418&header=x-a:1&header=set-cookie:a%3D1&header=set-cookie:b%3D2`,
      { method: "PUT", body: "hello" },
    );
    expect(teapot.status).toBe(418);
    expect(teapot.headers.get("x-a")).toBe("1");
    expect(teapot.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    const big = Buffer.alloc(10 * 1024 * 1024, "z");
    const sha = createHash("sha256").update(big).digest("hex");
    const up = await fetch(`${stack.url}/up`, { method: "POST", body: big });
    expect(await up.json()).toMatchObject({ length: big.length, sha });
    const down = await fetch(`${stack.url}/down?bytes=20000000`);
    expect((await down.arrayBuffer()).byteLength).toBe(20_000_000);
    const head = await fetch(`${stack.url}/down?header=content-length:1234`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("1234");
  });

  it("a missing relay is reported within milliseconds, a coordinator that is away in the original's wording", async () => {
    await using stack = await startStack("http://127.0.0.1:9");
    const away = await fetch(`${stack.url}/sessions`);
    expect(away.status).toBe(502);
    expect(await away.json()).toMatchObject({
      code: "coordinator_unreachable",
      detail: expect.stringContaining("Failed to connect to Agent Coordinator"),
    });
    await stack.relay.close();
    const gone = await fetch(`${stack.url}/sessions`);
    expect(gone.status).toBe(503);
    expect(await gone.json()).toMatchObject({ code: "relay_unavailable" });
  });

  it("a client that leaves cancels upstream", async () => {
    let closed = false;
    await using upstream = await startReflector({
      on: {
        "/slow": (request, response) => {
          response.write("begin");
          response.on("close", () => (closed = true));
        },
      },
    });
    await using stack = await startStack(upstream.url);
    const client = httpRequest(`${stack.url}/slow`);
    client.on("response", (response) => response.once("data", () => client.destroy()));
    client.on("error", () => {});
    client.end();
    await expect.poll(() => closed).toBe(true);
  });
});
