import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { readStatus } from "../../../src/operate/status.ts";
import { MOST_CONNECTIONS } from "../../../src/shared/http/door/shut-app.ts";
import type { StatusJson } from "../../../src/operate/status-json.ts";
import { createDeadLetters } from "../../../src/relay/coordinator/dead-letters.ts";
import { LetterIndex } from "../../../src/console/watch/letter-index.ts";
import { readLetterPage } from "../../../src/console/watch/letter-pages.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { encodeEnvelope, ENVELOPE_VERSION } from "../../../src/shared/log/schema/envelope.ts";
import { DEAD_STREAM, EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startTestConsole } from "../../support/console.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { call } from "../gateway/harness.ts";
import { createAppender, PAGE_BEARER, PAGE_TOKEN, provisioned, startTestRelay } from "../../support/relay.ts";

/** The status page without a browser: what it answers, to whom, and what it refuses. test/page opens it in a real one. */

const bodyOf = (session: string): string =>
  JSON.stringify({
    session_id: session,
    event_type: "message",
    timestamp: "2026-01-01T00:00:00Z",
    role: "assistant",
    content: [],
  });
const EVIL = `"><script>alert('x')</script> \u001b[31m`;

async function setUp(options: Parameters<typeof startTestConsole>[1] = {}) {
  const broker = await provisioned(await startTestBroker({ sync: false }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const coordinator = await startCoordinator({ autoCreateSessions: true });
  onTestFinished(() => coordinator[Symbol.asyncDispose]());
  const relay = await startTestRelay(broker, coordinator.url);
  onTestFinished(() => relay[Symbol.asyncDispose]());
  const page = await startTestConsole(broker, options);
  onTestFinished(() => page[Symbol.asyncDispose]());
  const { url, get } = page;
  return {
    broker,
    coordinator,
    relay,
    page,
    url,
    get,
    jsm: await jetstreamManager(page.nc, { checkAPI: false }),
  };
}

/** A dead letter as a relay stores it, of an event that never was in the log. */
async function bury(
  broker: TestBroker,
  id: string,
  session: string,
  body = bodyOf(session),
  seq = 1,
): Promise<void> {
  const nc = await broker.connect("relay");
  const letters = createDeadLetters(nc, await jetstreamManager(nc, { checkAPI: false }));
  const at = 1_700_000_000_000;
  const envelope = {
    v: ENVELOPE_VERSION,
    id,
    kind: "event",
    session,
    runner: "r1",
    epoch: "e0",
    seq,
    at,
  } as const;
  await letters.put({
    id,
    runner: "r1",
    session,
    kind: "event",
    seq,
    payload: encodeEnvelope({ ...envelope, type: "application/json", body: Buffer.from(body) }),
    death: { reason: EVIL, status: 422, attempts: 1 },
  });
}

/** The form of a confirmation, as a browser would send it. */
async function formOf(url: string, path: string): Promise<URLSearchParams> {
  const text = await (await fetch(url + path, { headers: PAGE_BEARER })).text();
  const fields = [...text.matchAll(/<input\s+type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"/g)];
  return new URLSearchParams(fields.map(([, name = "", value = ""]): [string, string] => [name, value]));
}

const post = (url: string, body: URLSearchParams, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: "POST", body, headers: { ...PAGE_BEARER, ...headers }, redirect: "manual" });

test("every page is kept by no cache and allows nothing foreign; what came from outside is text", async () => {
  const { broker, get } = await setUp();
  const session = `s<img src=x onerror=alert(1)>`;
  await bury(broker, "e1", session, `{"n":12345678901234567890,"t":"</pre><script>alert(2)</script>"}`);
  const query = encodeURIComponent(EVIL);
  const paths = [
    "/",
    "/?range=24h",
    `/?range=${query}&notice=${query}`,
    "/dead",
    `/sessions?q=${query}`,
    `/session?id=${encodeURIComponent(session)}`,
    "/letter?seq=1",
    "/confirm?action=redrive&seq=1",
    `/confirm?action=pause&session=${encodeURIComponent(session)}`,
    "/page/client.js",
    "/page/style.css",
    "/page/icon.svg",
    "/status.json",
  ];
  for (const path of paths) {
    const answer = await get(path);
    expect(answer.status, path).toBe(200);
    expect(answer.headers.get("cache-control"), path).toBe("no-store");
    expect(answer.headers.get("content-security-policy"), path).toContain("default-src 'none'");
    expect(answer.headers.get("x-content-type-options"), path).toBe("nosniff");
    if (!answer.headers.get("content-type")?.startsWith("text/html")) continue;
    const text = await answer.text();
    expect(text, path).not.toMatch(/<script>|<img|\u001b|style="|<script type="module" src="(?!\/page)/);
  }
  const letter = await (await get("/letter?seq=1")).text();
  expect(letter).toContain("&quot;n&quot;: 12345678901234567890,");
  expect(letter).toContain("&lt;/pre&gt;&lt;script&gt;alert(2)");
  for (const path of [
    "/letter?seq=2",
    "/letter?seq=-1",
    "/letter?seq=x",
    "/letter",
    "/confirm?action=redrive&seq=9",
  ])
    expect((await get(path)).status, path).toBe(404);
  for (const path of ["/session?id=a/b", "/session", "/dead?session=..", "/confirm?action=drop"])
    expect((await get(path)).status, path).toBe(400);
  expect((await get("/", { host: "evil.example" })).status).not.toBe(500); // fetch sets its own Host: see the guard's test
});

test("what is not there is an error with a code, and its answer repeats no path", async () => {
  const { url } = await setUp();
  for (const [method, path] of [
    ["GET", "/no-such-page"],
    ["POST", "/status?token=a-token-in-the-wrong-place"],
    ["DELETE", "/dead/an-event"],
  ] as const) {
    const answer = await fetch(url + path, { method, headers: PAGE_BEARER });
    expect(answer.status, path).toBe(404);
    expect(await answer.json(), path).toEqual({ code: "not_found" });
  }
});

test("without the token nothing is shown and nothing is done; what stays open shows no session and no body", async () => {
  const lines: string[] = [];
  const { broker, coordinator, jsm, url } = await setUp({ onLine: (line) => lines.push(line) });
  const session = "session-of-somebody";
  await bury(broker, "e1", session, '{"prompt":"MY SECRET PROMPT"}');
  await coordinator.stop(); // there are reasons, waiting sessions and failures to tell of
  await createAppender(await broker.connect("gateway")).append(session, { prompt: "MY SECRET PROMPT" });
  const form = await formOf(url, "/confirm?action=pause");
  await expect
    .poll(async () => (await fetch(`${url}/sessions`, { headers: PAGE_BEARER })).text())
    .toContain(session);
  const shut = [
    "/",
    "/sessions",
    `/session?id=${session}`,
    "/dead",
    "/letter?seq=1",
    "/confirm?action=pause",
  ];
  for (const path of [...shut, "/status.json", "/page/client.js", "/nothing", "/act/pause"]) {
    for (const headers of [{}, { accept: "text/html" }, { cookie: `token=${PAGE_TOKEN}` }]) {
      const answer = await fetch(url + path, { headers, redirect: "manual" });
      expect(answer.status, path).toBe(401);
      expect(answer.headers.get("cache-control"), path).toBe("no-store");
      expect(await answer.text(), path).not.toMatch(/SECRET|session-of-somebody|data-live/);
    }
  }
  const broken = await call(url, "GET", `/%zz?token=${PAGE_TOKEN}`);
  expect([broken.status, broken.json]).toEqual([400, { code: "request_malformed" }]);
  expect(broken.headers["x-content-type-options"]).toBe("nosniff");
  const stranger = await fetch(`${url}/act/pause`, { method: "POST", body: form, redirect: "manual" });
  expect(stranger.status).toBe(401);
  expect((await readStatus(await broker.connect("operator"), {}, systemClock)).paused).toBe(false);
  for (const path of ["/health", "/page/style.css", "/page/icon.svg"]) {
    const answer = await fetch(url + path);
    expect(answer.status, path).toBe(200);
    expect(await answer.text(), path).not.toMatch(/SECRET|session-of-somebody|e1\b/);
  }
  expect((await jsm.streams.info(DEAD_STREAM)).state.messages).toBe(1);
  expect(lines.join("")).not.toContain(PAGE_TOKEN);
});

test("the address with the token gives a cookie, which opens every view and acts; by hand as well", async () => {
  const { url } = await setUp();
  const first = await fetch(`${url}/dead?token=${PAGE_TOKEN}`, { redirect: "manual" });
  expect([first.status, first.headers.get("location")]).toEqual([303, "/dead"]);
  const cookie = first.headers.get("set-cookie")?.split(";")[0] ?? "";
  expect(first.headers.get("set-cookie")).toMatch(/; Path=\/; .*HttpOnly; SameSite=Strict$/);
  for (const path of ["/", "/dead", "/status.json", "/page/client.js"])
    expect((await fetch(url + path, { headers: { cookie } })).status, path).toBe(200);
  const form = await formOf(url, "/confirm?action=pause");
  const send = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${url}/act/pause`, { method: "POST", body: form, headers, redirect: "manual" });
  expect((await send({ cookie, origin: "https://evil.example" })).status, "a cookie is not enough").toBe(403);
  expect((await send({ cookie, origin: url, "sec-fetch-site": "same-origin" })).status).toBe(303);

  const enter = (token: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/enter`, {
      method: "POST",
      body: new URLSearchParams({ token }),
      headers: { accept: "text/html", ...headers },
      redirect: "manual",
    });
  const wrong = await enter("not-the-token");
  expect(wrong.status).toBe(401);
  expect(await wrong.text()).toContain("That is not the token of this page.");
  expect((await enter(PAGE_TOKEN, { origin: "https://evil.example" })).status).toBe(403);
  const right = await enter(PAGE_TOKEN);
  expect([right.status, right.headers.get("location")]).toEqual([303, "/"]);
});

test("only our own page acts: without its token, from another site, or by GET nothing is changed", async () => {
  const { broker, url, jsm, get } = await setUp();
  await bury(broker, "e1", "s1");
  const form = await formOf(url, "/confirm?action=redrive&seq=1");
  expect(form.get("seq")).toBe("1");
  const act = `${url}/act/redrive`;
  const origin = new URL(url).origin;
  const refusals: [URLSearchParams, Record<string, string>][] = [
    [new URLSearchParams({ seq: "1" }), {}],
    [new URLSearchParams({ seq: "1", token: "guessed" }), {}],
    [form, { origin: "https://evil.example" }],
    [form, { origin: "null" }],
    [form, { origin: origin.replace("127.0.0.1", "localhost") }],
    [form, { origin, "sec-fetch-site": "cross-site" }],
    [form, { origin, "sec-fetch-site": "same-site" }],
  ];
  for (const [body, headers] of refusals)
    expect((await post(act, body, headers)).status, JSON.stringify(headers)).toBe(403);
  expect((await get(`/act/redrive?${form.toString()}`)).status).toBe(404);
  expect(
    (
      await fetch(act, {
        method: "POST",
        body: JSON.stringify(Object.fromEntries(form)),
        headers: { ...PAGE_BEARER, "content-type": "application/json" },
      })
    ).status,
  ).toBe(403);
  expect(
    (
      await fetch(act, {
        method: "POST",
        body: "x=".padEnd(20_000, "y"),
        headers: { ...PAGE_BEARER, "content-type": "application/x-www-form-urlencoded" },
      })
    ).status,
  ).toBe(413);
  expect((await jsm.streams.info(DEAD_STREAM)).state.messages).toBe(1);
  expect((await jsm.streams.info(EVENTS_STREAM)).state.messages).toBe(0);

  const done = await post(act, form, { origin, "sec-fetch-site": "same-origin" });
  expect(done.status).toBe(303);
  const notice = done.headers.get("location") ?? "";
  expect(await (await get(notice)).text()).toContain("Event e1 of session s1 is requeued as sequence 1.");
  expect((await jsm.streams.info(DEAD_STREAM)).state.messages).toBe(0);
  const again = await post(act, form, { origin });
  expect(again.status).toBe(404);
  expect(await again.text()).toContain("This dead letter is gone");
});

test("pause and resume need what they name; hostile session ids come through unharmed", async () => {
  const { url, get, broker, coordinator } = await setUp();
  const session = `s "'<b> \u202e&amp;`;
  const path = `session=${encodeURIComponent(session)}`;
  const form = await formOf(url, `/confirm?action=pause&${path}`);
  form.set("session", session); // a browser decodes the entities
  form.set("text", EVIL);
  expect((await post(`${url}/act/pause`, form)).status).toBe(303);
  await expect
    .poll(async () => (await get(`/session?id=${encodeURIComponent(session)}`)).text())
    .toMatch(/class="chip paused"[\s\S]*&quot;&gt;&lt;script&gt;/);
  const { append } = createAppender(await broker.connect("gateway"));
  await append(session);
  await append("other");
  await expect.poll(() => coordinator.writes("other").length).toBe(1);
  expect(coordinator.writes(session)).toEqual([]);
  expect((await post(`${url}/act/resume`, form)).status).toBe(303);
  await expect.poll(() => coordinator.writes(session).length).toBe(1);
  form.set("session", "never/seen");
  expect((await post(`${url}/act/pause`, form)).status).toBe(400);
  form.delete("session");
  expect((await post(`${url}/act/resume`, form)).status).toBe(404); // nothing is paused
  expect((await post(`${url}/act/drop`, form)).status).toBe(400);
});

test("its numbers are those of `status --json`", async () => {
  const { broker, get, coordinator } = await setUp();
  await bury(broker, "e1", "s1");
  const operator = await broker.connect("operator");
  const { append } = createAppender(await broker.connect("gateway"));
  await append("s1");
  await expect.poll(() => coordinator.writes("s1").length).toBe(1);
  await coordinator.stop();
  for (let n = 0; n < 7; n++) await append(`s${n}`);
  const told = await readStatus(operator, {}, systemClock);
  expect(told).toMatchObject({ backlog: { events: 7 }, dead: { messages: 1 }, log: { lastSeq: 8 } });
  const page = (await (await get("/status.json")).json()) as object;
  const { log, backlog, dead, coordinator: to, paused, oldestWaiting } = told;
  expect(page).toMatchObject({
    log,
    dead,
    coordinator: to,
    paused,
    oldestWaiting,
    backlog: { events: backlog.events },
  });
  await expect
    .poll(async () => ((await (await get("/status.json")).json()) as StatusJson).sessions.list)
    .toContainEqual(
      expect.objectContaining({ session: "s0", events: 1, reason: expect.stringMatching(/./) }),
    );
  expect(await (await get("/")).text()).toMatch(/id="n-waiting">7</);
});

test("a hundred and twenty dead letters are paged newest first, each once, in both directions and by session", async () => {
  const { broker, jsm, get } = await setUp();
  for (let n = 1; n <= 120; n++) await bury(broker, `e${n}`, `s${n % 3}`, undefined, n);
  await jsm.streams.deleteMessage(DEAD_STREAM, 60, false); // gaps do not matter
  const walk = async (session?: string): Promise<string[][]> => {
    const pages: string[][] = [];
    for (let before: number | undefined; ;) {
      const page = await readLetterPage(jsm, {
        size: 50,
        ...(session === undefined ? {} : { session }),
        ...(before === undefined ? {} : { before }),
      });
      pages.push(page.letters.map(({ id }) => id));
      if (page.newer === undefined) expect(pages).toHaveLength(1);
      if (page.newer !== undefined) {
        const options = { size: 50, ...(session === undefined ? {} : { session }) };
        const back = await readLetterPage(
          jsm,
          page.newer === null ? options : { ...options, before: page.newer },
        );
        expect(back.letters.map(({ id }) => id)).toEqual(pages.at(-2));
      }
      if (page.older === undefined) return pages;
      before = page.older;
    }
  };
  const expected = Array.from({ length: 120 }, (_, i) => `e${120 - i}`).filter((id) => id !== "e60");
  const pages = await walk();
  expect(pages.map((page) => page.length)).toEqual([50, 50, 19]);
  expect(pages.flat()).toEqual(expected);
  expect((await walk("s0")).flat()).toEqual(expected.filter((id) => Number(id.slice(1)) % 3 === 0));
  expect(await readLetterPage(jsm, { size: 50, session: "nobody" })).toEqual({ letters: [], total: 0 });
  const text = await (await get("/dead?before=71")).text();
  expect(text).toMatch(/id="d-70"/);
  expect(text).not.toMatch(/id="d-71"/);

  // an index with room for fewer: older letters come into it when those before them are dropped
  const index = new LetterIndex(jsm, 40);
  const indexed = async (): Promise<string[]> => {
    await index.update();
    return index.select({}).map(({ id }) => id);
  };
  const oldestFirst = expected.toReversed();
  expect(await indexed()).toEqual(oldestFirst.slice(-40));
  await bury(broker, "e121", "s1", undefined, 121);
  expect(await indexed()).toEqual([...oldestFirst.slice(-39), "e121"]);
  for (let seq = 83; seq <= 121; seq++) await jsm.streams.deleteMessage(DEAD_STREAM, seq, false);
  expect(await indexed()).toEqual(oldestFirst.slice(0, oldestFirst.indexOf("e82") + 1).slice(-40));
  const anew = new LetterIndex(jsm, 40);
  await anew.update();
  expect(anew.select({})).toEqual(index.select({}));
  for (let seq = 1; seq <= 80; seq++)
    if (seq !== 60) await jsm.streams.deleteMessage(DEAD_STREAM, seq, false);
  expect(await indexed()).toEqual(["e81", "e82"]);
});

test("while the broker is away the page says so at once, shows what it knew, and heals", async () => {
  const { broker, get } = await setUp();
  await bury(broker, "e1", "s1");
  expect(await (await get("/")).text()).toMatch(/id="n-dead">1</);
  await broker.kill9();
  await expect.poll(async () => (await get("/")).text()).toContain("The broker does not answer");
  const text = await (await get("/")).text();
  expect(text).toMatch(/id="n-dead">1</);
  expect(text).toContain("Dead letters cannot be read now");
  expect(text).toContain("Broker away");
  expect((await get("/dead")).status).toBe(503);
  expect((await get("/status.json")).status).toBe(503);
  await broker.restart();
  await expect.poll(async () => (await get("/dead")).status).toBe(200);
  expect(await (await get("/")).text()).toMatch(/Broker away[\s\S]*ended/);
});

test("read-only it has no button and no action", async () => {
  const { get, url } = await setUp({ mayAct: false });
  await expect.poll(async () => (await get("/")).text()).toContain("Forwarding");
  expect(await (await get("/")).text()).not.toMatch(/data-ask|<form/);
  expect((await get("/confirm?action=pause")).status).toBe(404);
  expect((await post(`${url}/act/pause`, new URLSearchParams())).status).not.toBe(303);
});

test("the relay's own port has health, readiness, metrics and its status, and no page", async () => {
  const { relay } = await setUp();
  for (const path of ["/", "/status.json", "/dead", "/page/client.js", "/enter"])
    expect((await relay.get(path)).status, path).toBe(404);
  for (const path of ["/health", "/ready", "/metrics", "/status"])
    expect((await relay.get(path)).status, path).toBe(200);
  const refused = await fetch(`${relay.adminUrl}/status`, { headers: { accept: "text/html" } });
  expect(refused.status).toBe(401);
  expect(await refused.json()).toMatchObject({ code: "token_required" });
});

test("the build brings along what the browser gets", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rr-dist-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const root = join(import.meta.dirname, "../../..");
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(
    process.execPath,
    [tsc, "-p", "tsconfig.build.json", "--noCheck", "--outDir", folder],
    {
      cwd: root,
    },
  );
  const built = await readFile(join(folder, "console/client.js"), "utf8");
  expect(built).toContain("data-live");
});

test("a stranger's requests and connections cost next to nothing", async () => {
  const { url, get } = await setUp();
  const post = (path: string, type: string, body: string): Promise<number> =>
    call(url, "POST", path, body, { "content-type": type }).then(
      ({ status }) => status,
      () => 413, // it was cut off while we sent
    );
  const bomb = `[${"{},".repeat(300_000)}{}]`;
  for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"])
    expect([413, 415], type).toContain(await post("/enter", type, bomb));
  expect([401, 413]).toContain(await post("/act/pause", "application/json", bomb));

  const { port } = new URL(url);
  const sockets = Array.from({ length: MOST_CONNECTIONS + 50 }, () => connect(Number(port), "127.0.0.1"));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  let dropped = 0; // without the 408 that those get who say nothing
  for (const socket of sockets)
    socket
      .on("error", () => {})
      .on("data", () => socket.removeAllListeners("close"))
      .on("close", () => dropped++);
  await expect.poll(() => dropped).toBeGreaterThanOrEqual(50);
  // those that say nothing make room again by themselves
  await expect
    .poll(async () =>
      get("/health").then(
        (it) => it.status,
        () => 0,
      ),
    )
    .toBe(200);
});

test("who never ends its request is cut off, and nobody waits for it", async () => {
  const { url, get } = await setUp();
  const { port, host } = new URL(url);
  const begun = [
    `GET / HTTP/1.1\r\nHost: ${host}\r\nX: `,
    `POST /act/pause HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 99\r\n\r\n`,
  ];
  const closed = begun.map(async (text) => {
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
    const drip = setInterval(() => socket.write("a"), 500);
    socket.resume();
    await once(socket, "close").finally(() => clearInterval(drip));
  });
  expect((await get("/health")).status).toBe(200);
  await Promise.all(closed);
});
