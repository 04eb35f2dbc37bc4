import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { sidecarRunner } from "../../../../src/agents/codex-sdk-sidecar/index.ts";
import { createFakeClock, promises } from "../../../support/fake-clock.ts";
import { plainly, playSession, sampleOf } from "../../../support/played-agent.ts";

// The recorded sidecar, played over HTTP.

const noSpawn = (): never => {
  throw new Error("nothing is started");
};
const clock = createFakeClock();
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

type Call = { path: string; body: Record<string, unknown>; token: unknown };

const EXIT = 'data: {"type":"exit","data":{"exit_code":0}}';

/** Plays events after a start; `cut`: the first stream breaks behind so many of them. `answer`: to an input. */
async function play(
  events: readonly string[],
  { cut = Infinity, answer = {} }: { cut?: number; answer?: object } = {},
) {
  const calls: Call[] = [];
  let streams = 0;
  let stream: ServerResponse | undefined;
  let left = [...events];
  const server = createServer((request, response) => {
    const { url = "", headers } = request;
    if (url.startsWith("/events/")) {
      stream = response.writeHead(200, { "content-type": "text/event-stream" });
      stream.flushHeaders();
      if (++streams > 1) for (const line of left) stream.write(`${line}\n\n`);
      return;
    }
    void text(request).then((body) => {
      calls.push({
        path: url,
        body: JSON.parse(body) as Record<string, unknown>,
        token: headers["x-sidecar-token"],
      });
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(url === "/sessions/input" ? answer : { ok: true }));
      if (url === "/sessions/start") {
        const first = left.slice(0, cut);
        left = left.slice(first.length);
        for (const line of first) stream?.write(`${line}\n\n`);
        if (left.length > 0) setImmediate(() => stream?.destroy());
      }
    });
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tell = (...lines: string[]): void => {
    for (const line of lines) stream?.write(`${line}\n\n`);
  };
  return { url, calls, tell, opened: () => streams };
}

/** Recorded events of the turn that one call began: up to its exit. */
function turn(index: number): string[] {
  const turns: string[][] = [[]];
  for (const { sse } of sampleOf("tether-sidecar")) {
    if (typeof sse !== "string" || !sse.startsWith("data:")) continue;
    turns.at(-1)?.push(sse);
    if (sse.includes('"type":"exit"')) turns.push([]);
  }
  return turns[index] ?? [];
}

const FIRST = [
  "header",
  "status step",
  "text whole Looking now.",
  "tool_call shell",
  "tool_result ok exit code 0",
  "text whole answer; 2 user items",
  "metadata",
  "metadata",
  "metadata",
  "heartbeat",
  "metadata",
  "final whole answer; 2 user items",
  "exit",
  "awaiting_input",
];

test("a recorded turn: each turn is a session of its own there, and only its last text is what it came to", async () => {
  const { url, calls } = await play(turn(0));
  const session = playSession(noSpawn, { threadId: "th_1" });
  await sidecarRunner({ url, token: "t" }, clock).start(session, "read a.txt", 1);
  expect(plainly(session.said)).toEqual(FIRST);
  expect(calls).toEqual([
    {
      path: "/sessions/start",
      token: "t",
      body: {
        session_id: "ses_1.turn_1",
        prompt: "read a.txt",
        approval_choice: 1,
        workdir: "/home/dev/work",
        thread_id: "th_1",
      },
    },
  ]);
  const metadata = session.said.flatMap((it) => (it.type === "metadata" ? [it.key] : []));
  expect(metadata).toEqual([
    "thread_input_tokens",
    "thread_cached_input_tokens",
    "thread_output_tokens",
    "duration_ms",
  ]);
});

test("a stream that breaks is opened again, and nothing is missing", async () => {
  const { url, opened } = await play(turn(0), { cut: 3 });
  const session = playSession(noSpawn);
  await sidecarRunner({ url, token: undefined }, clock).start(session, "go", 2);
  expect(plainly(session.said).filter((it) => it !== "error STREAM_BROKEN")).toEqual(FIRST);
  // what it said into a connection that was broken already is lost there
  expect(session.said.filter(({ type }) => type === "error")).toMatchObject([
    { code: "STREAM_BROKEN", recoverable: true },
  ]);
  expect(opened()).toBe(2);
});

test("a failure that it tells three times, and then an end that looks well, is one failure", async () => {
  const failing = [0, 1, 2, 3, 4].map(turn).find((lines) => lines.join("").includes("INTERNAL_ERROR")) ?? [];
  const { url } = await play(failing);
  const session = playSession(noSpawn);
  await sidecarRunner({ url, token: undefined }, clock).start(session, "go", 1);
  const errors = session.said.filter(({ type }) => type === "error");
  expect(errors).toEqual([{ type: "error", code: "INTERNAL_ERROR", message: "scripted 400" }]);
  expect(session.said.map(({ type }) => type)).not.toContain("awaiting_input");
});

test("a stop interrupts, and waits for what runs there; for a sidecar that says nothing of it, not for long", async () => {
  for (const says of [[EXIT], []]) {
    const own = createFakeClock();
    const { url, calls, tell } = await play([]);
    const session = playSession(noSpawn);
    const runner = sidecarRunner({ url, token: undefined }, own);
    const over = runner.start(session, "go", 1);
    await expect.poll(() => calls.length).toBe(1);
    await promises();
    const stopped = runner.stop(session);
    await expect.poll(() => calls.at(-1)?.path).toBe("/sessions/interrupt");
    tell(...says);
    if (says.length === 0) await expect.poll(() => own.pending()).toBeGreaterThan(0);
    if (says.length === 0) await own.pass(2000);
    await Promise.all([stopped, over]);
    expect(session.said.filter(({ type }) => type === "error")).toEqual([]);
  }
});

test("an input that waits in the queue has no end of its own; one that became a turn has", async () => {
  for (const [answer, ends] of [
    [{ queued: true }, 1],
    [{ ok: true }, 2],
  ] as const) {
    const { url, calls, tell } = await play([], { answer });
    const session = playSession(noSpawn);
    const runner = sidecarRunner({ url, token: undefined }, clock);
    const over = runner.start(session, "go", 1);
    await expect.poll(() => calls.length).toBe(1);
    await promises();
    await expect
      .poll(() =>
        runner.sendInput(session, "left").then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    tell(...Array.from({ length: ends }, () => EXIT));
    await over;
    expect(session.said.filter(({ type }) => type === "awaiting_input")).toHaveLength(1);
  }
});

test("it is not asked to ask, because it would not; and one that is away is not available", async () => {
  const { url, calls } = await play([]);
  await expect(
    sidecarRunner({ url, token: undefined }, clock).start(playSession(noSpawn), "go", 0),
  ).rejects.toThrow("cannot ask");
  expect(calls).toEqual([]);
  const away = sidecarRunner({ url: "http://127.0.0.1:9", token: undefined }, clock).start(
    playSession(noSpawn),
    "go",
    1,
  );
  await expect(away).rejects.toMatchObject({
    code: "AGENT_UNAVAILABLE",
    message: expect.stringContaining("not reachable"),
  });
});

test("what it calls an error and comes through is told as a retry, and does not fail the turn", async () => {
  const data = (type: string, of: object): string => `data: ${JSON.stringify({ type, data: of })}`;
  const retry = data("error", { code: "INTERNAL_ERROR", message: "Reconnecting... 1/5" });
  const answer = data("output", { text: "At last.", kind: "final" });
  const { url } = await play([retry, answer, EXIT]);
  const session = playSession(noSpawn);
  await sidecarRunner({ url, token: undefined }, clock).start(session, "go", 1);
  expect(plainly(session.said)).toEqual([
    "error INTERNAL_ERROR",
    "text whole At last.",
    "final whole At last.",
    "exit",
    "awaiting_input",
  ]);
  expect(session.said[0]).toMatchObject({ recoverable: true });
});
