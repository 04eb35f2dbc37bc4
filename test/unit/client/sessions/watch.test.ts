import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openSessions, type Watched } from "../../../../src/client/sessions/index.ts";
import { SILENCE_MS } from "../../../../src/client/sessions/stream.ts";
import { broken, json, silent, startServer, type Step } from "../../../support/scripted-server.ts";
import { event, fastClock, notice, stream } from "./event-stream.ts";

const TIMEOUT_MS = 60_111;

function clientOf(server: { url: string }, clock = fastClock([TIMEOUT_MS, SILENCE_MS])) {
  return openSessions({ url: server.url, timeoutMs: TIMEOUT_MS, clock, random: () => 0.5 });
}

/** What a watcher gets, as texts: the number of an event, the type of a notice. */
async function seenOf(items: AsyncIterable<Watched>, most = Infinity): Promise<(number | string)[]> {
  const seen: (number | string)[] = [];
  for await (const item of items) {
    seen.push("seq" in item ? item.seq : item.type);
    if (seen.length === most) break;
  }
  return seen;
}

const deleted = notice("closed", { reason: "deleted", last: 9 });
const afters = (server: { seen: { url: string }[] }): (string | null)[] =>
  server.seen.map(({ url }) => new URL(url, "http://x").searchParams.get("after"));

test("WATCH-1: through broken connections each event comes once, from the cursor of the last one", async () => {
  await using server = await startServer(
    stream(event(3, "text") + event(5, "text") + event(6, "text").slice(0, 20), "breaks"),
    broken,
    json(503, {}),
    stream(event(5, "text") + event(6, "text")),
    stream(event(8, "text") + deleted),
  );
  expect(await seenOf(clientOf(server).watch("s"))).toEqual([3, 5, 6, 8, "closed"]);
  expect(afters(server)).toEqual(["0", "5.log", "5.log", "5.log", "6.log"]);
  expect(server.seen[0]?.headers["accept"]).toBe("text/event-stream");
});

test("WATCH-1: wherever the stream is cut, and whatever is repeated, each event comes once and in order", async () => {
  const seqs = [2, 3, 5, 8, 13, 21];
  const whole = seqs.map((seq) => event(seq, "text", { data: { text: "é\r\n" } })).join("");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 4 }), async (cuts) => {
      // the whole of it again and again, as a server would send it that forgets the cursor
      const steps = cuts.map((cut) => stream(whole.slice(0, cut), cut % 2 === 0 ? "breaks" : "ends"));
      await using server = await startServer(...steps, stream(whole + deleted));
      expect(await seenOf(clientOf(server).watch("s"))).toEqual([...seqs, "closed"]);
    }),
    { numRuns: 30 },
  );
});

describe("notices", () => {
  test("`latest` becomes a place, so that nothing is skipped while the connection is away", async () => {
    await using server = await startServer(
      stream(notice("caught_up", { last: 40, log: "log" }), "breaks"),
      stream(event(41, "text") + deleted),
    );
    expect(await seenOf(clientOf(server).watch("s", { after: "latest" }))).toEqual([
      "caught_up",
      41,
      "closed",
    ]);
    expect(afters(server)).toEqual(["latest", "40.log"]);
  });

  test("a gap is named once", async () => {
    const gap = notice("gap", { from: 1, to: 7, log: "log" });
    await using server = await startServer(stream(gap, "breaks"), stream(gap + event(8, "text") + deleted));
    expect(await seenOf(clientOf(server).watch("s"))).toEqual(["gap", 8, "closed"]);
  });

  test("behind a reset the events of the new log come from its start", async () => {
    await using server = await startServer(
      stream(event(9, "text")),
      stream(notice("reset", { log: "new" }), "breaks"),
      stream(`id: 1.new\n${event(1, "text").split("\n").slice(1).join("\n")}`),
      stream(deleted),
    );
    expect(await seenOf(clientOf(server).watch("s"))).toEqual([9, "reset", 1, "closed"]);
    expect(afters(server)).toEqual(["0", "9.log", "0", "1.new"]);
  });

  test("a server that stops is not the end, but a deletion and credentials that ended are", async () => {
    const stopping = notice("closed", { reason: "stopping", last: 3 });
    const ended = notice("closed", { reason: "auth", last: 3 });
    await using server = await startServer(
      stream(event(3, "text") + stopping),
      stream(ended + event(4, "text")),
    );
    expect(await seenOf(clientOf(server).watch("s"))).toEqual([3, "closed"]);
    expect(server.seen).toHaveLength(2);
  });
});

describe("a stream that is none", () => {
  test.each<[string, Step, object]>([
    ["a refusal", json(404, { code: "session_unknown" }), { code: "session_unknown", status: 404 }],
    ["another type", json(200, {}), { code: "bad_answer" }],
    ["no JSON", stream("data: hello\n\n"), { code: "bad_answer" }],
    ["an event without a place", stream(`data: {"type":"text"}\n\n`), { code: "bad_answer" }],
    ["a message without an end", stream(`data: ${"x".repeat(5 * 1024 * 1024)}`), { code: "bad_answer" }],
    ["a redirect", json(307, "", { location: "/x" }), { code: "refused" }],
  ])("%s ends the watch at once", async (_, step, expected) => {
    await using server = await startServer(step);
    await expect(seenOf(clientOf(server).watch("s"))).rejects.toMatchObject({
      name: "GatewayError",
      ...expected,
    });
    expect(server.seen).toHaveLength(1);
  });

  test("a server that stays away is given up after a while, and not before", async () => {
    await using server = await startServer(stream(event(1, "text")), broken);
    const clock = fastClock([TIMEOUT_MS, SILENCE_MS]);
    const reconnect = { totalMs: 10_000 };
    const client = openSessions({
      url: server.url,
      timeoutMs: TIMEOUT_MS,
      clock,
      random: () => 1,
      reconnect,
    });
    await expect(seenOf(client.watch("s"))).rejects.toMatchObject({
      name: "ConnectionError",
      code: "unreachable",
    });
    expect(clock.waits).toEqual([200, 400, 800, 1600, 2000, 2000, 2000]);
  });

  test("a stream on which nothing comes, not even a heartbeat, is opened again; how long its reader takes does not count", async () => {
    await using server = await startServer(
      stream(event(1, "text") + event(2, "text"), "stays"),
      stream(event(3, "text") + deleted),
    );
    const fast = fastClock([TIMEOUT_MS]);
    const limits = new Set<() => void>();
    const clock = {
      ...fast,
      after(ms: number, fn: () => void) {
        if (ms !== SILENCE_MS) return fast.after(ms, fn);
        limits.add(fn);
        return () => limits.delete(fn);
      },
    };
    const items = clientOf(server, clock).watch("s");
    for (const seq of [1, 2]) {
      expect((await items.next()).value).toMatchObject({ seq });
      expect(limits.size).toBe(0);
    }
    const next = items.next();
    await expect.poll(() => limits.size).toBe(1);
    for (const limit of limits) limit();
    expect((await next).value).toMatchObject({ seq: 3 });
    await items.return();
  });

  test("heartbeats are signs of life: attempts are counted from the last one", async () => {
    const beat = stream(":\n\n");
    await using server = await startServer(beat, beat, beat, beat, stream(deleted));
    const clock = fastClock([TIMEOUT_MS, SILENCE_MS]);
    await seenOf(clientOf(server, clock).watch("s"));
    expect(clock.waits).toEqual([100, 100, 100, 100]);
  });
});

describe("a reader that leaves", () => {
  test("closes the connection", async () => {
    let closed = false;
    await using server = await startServer((response) => {
      response.on("close", () => (closed = true));
      stream(event(1, "text"), "stays")(response);
    });
    expect(await seenOf(clientOf(server).watch("s"), 1)).toEqual([1]);
    await expect.poll(() => closed).toBe(true);
  });

  test("by a signal gets its reason, while the stream is open or opened", async () => {
    for (const step of [stream(event(1, "text"), "stays"), silent, broken]) {
      await using server = await startServer(step);
      const abort = new AbortController();
      const all = seenOf(clientOf(server).watch("s", { signal: abort.signal }));
      await expect.poll(() => server.seen.length).toBeGreaterThan(0);
      abort.abort(new Error("enough"));
      await expect(all).rejects.toThrow("enough");
    }
  });

  test("by closing the client is told so", async () => {
    await using server = await startServer(stream(event(1, "text"), "stays"));
    const client = clientOf(server);
    const all = seenOf(client.watch("s"));
    await expect.poll(() => server.seen.length).toBe(1);
    await client.close();
    await expect(all).rejects.toMatchObject({ name: "ConnectionError", code: "closed" });
  });
});
