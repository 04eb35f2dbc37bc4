import type { ServerResponse } from "node:http";
import { expect, it } from "vitest";
import { startProcesses } from "../../faults/processes.ts";
import { startReflector, type Reflector } from "./reflector.ts";

/** How a request ended: an answer with its code, or an answer that was cut. */
type End = { kind: string };

/** Open requests of two kinds: whose head never comes, and whose body never ends. */
async function startOpenEnded(): Promise<Reflector & { open: Set<ServerResponse> }> {
  const open = new Set<ServerResponse>();
  const keep = (response: ServerResponse): void => {
    open.add(response);
    response.on("close", () => open.delete(response));
  };
  const upstream = await startReflector({
    on: {
      "/hang": (_, response) => keep(response),
      "/stream": (_, response) => {
        response.write("begin");
        keep(response);
      },
    },
  });
  return { ...upstream, open };
}

/** Starts requests; resolves when all have reached the upstream. */
async function openMany(
  url: string,
  upstream: { open: Set<ServerResponse> },
  count: number,
): Promise<{ ends: Promise<End[]> }> {
  const one = async (i: number): Promise<End> => {
    const body = i % 2 === 0 ? {} : { method: "POST", body: "x".repeat(i % 4 === 1 ? 10 : 100_000) };
    const end = await fetch(`${url}${i % 3 === 0 ? "/stream" : "/hang"}`, body).then(
      async (answer) => {
        if (answer.ok)
          return answer.text().then(
            () => "whole",
            () => "cut",
          );
        return `${answer.status} ${((await answer.json()) as { code: string }).code}`;
      },
      () => "no answer",
    );
    return { kind: end };
  };
  const before = upstream.open.size;
  const ends = Promise.all(Array.from({ length: count }, (_, i) => one(i)));
  await expect.poll(() => upstream.open.size).toBe(before + count);
  return { ends };
}

async function statusOf(url: string): Promise<number> {
  return fetch(`${url}/sessions`).then(
    (answer) => answer.status,
    () => 0,
  );
}

it("kill -9 of the relay under 50 open requests: each ends with a clear error, and the next request works", async () => {
  await using upstream = await startOpenEnded();
  await using stage = await startProcesses(upstream.url);
  const { ends } = await openMany(stage.gateway.url(), upstream, 50);
  await stage.relays[0]?.kill9(300);
  const all = await ends;
  expect(all.map(({ kind }) => kind).filter((kind) => kind !== "cut" && kind !== "502 relay_lost")).toEqual(
    [],
  );
  await stage.relays[0]?.ready();
  expect(await statusOf(stage.gateway.url())).toBe(200);
  expect(upstream.seen.filter(({ target }) => target === "/hang")).toEqual([]); // nothing was tried again
});

it("if one of two relays dies, the other's requests continue, and new ones work at once", async () => {
  await using upstream = await startOpenEnded();
  await using stage = await startProcesses(upstream.url, { relays: 2 });
  const { ends } = await openMany(stage.gateway.url(), upstream, 40);
  await stage.relays[0]?.kill9(4000);
  // at once, as soon as the broker has noticed that the connection is gone
  const served = Array.from({ length: 20 }, () => 200);
  await expect.poll(() => Promise.all(served.map(() => statusOf(stage.gateway.url())))).toEqual(served);
  await expect.poll(() => upstream.open.size).toBeLessThan(40);
  const left = upstream.open.size;
  expect(left).toBeGreaterThan(0);
  for (const response of upstream.open) response.end("done");
  const kinds = (await ends).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "whole")).toHaveLength(left);
  expect(kinds.filter((kind) => !["whole", "cut", "502 relay_lost"].includes(kind))).toEqual([]);
});

it("kill -9 of the gateway: what it had open is cancelled at the coordinator", async () => {
  await using upstream = await startOpenEnded();
  await using stage = await startProcesses(upstream.url);
  const { ends } = await openMany(stage.gateway.url(), upstream, 20);
  await stage.gateway.kill9(100);
  await ends;
  await expect.poll(() => upstream.open.size).toBe(0);
  await stage.gateway.ready();
  expect(await statusOf(stage.gateway.url())).toBe(200);
});

it("a relay that is stopped finishes short requests, and fails the others with a reason", async () => {
  await using upstream = await startOpenEnded();
  await using stage = await startProcesses(upstream.url);
  const { ends } = await openMany(stage.gateway.url(), upstream, 12);
  stage.relays[0]?.signal("SIGTERM");
  await expect.poll(() => statusOf(stage.gateway.url()), { interval: 20 }).toBe(503);
  const soon = [...upstream.open].slice(0, 4);
  for (const response of soon) response.end("done");
  const kinds = (await ends).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "whole")).toHaveLength(4);
  expect(kinds.filter((kind) => kind === "502 relay_lost" || kind === "cut")).toHaveLength(8);
  await expect.poll(() => statusOf(stage.gateway.url())).toBe(200);
});
