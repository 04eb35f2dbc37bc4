import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { readStatus } from "../../../src/operate/status.ts";
import type { StatusJson } from "../../../src/operate/status-json.ts";
import { LetterIndex } from "../../../src/console/watch/letter-index.ts";
import { readLetterPage } from "../../../src/console/watch/letter-pages.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { DEAD_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { createAppender, PAGE_BEARER } from "../../support/relay.ts";
import { EVIL, setUp, bury, formOf, post } from "./page-stage.ts";

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
  await expect.poll(async () => (await get("/")).text()).toMatch(/id="n-dead">1</);
  await broker.kill9();
  await expect.poll(async () => (await get("/")).text()).toContain("The broker does not answer");
  const page = async (): Promise<string> => (await get("/")).text();
  await expect.poll(page).toContain("Broker away"); // who notes that looks by itself
  const text = await page();
  expect(text).toMatch(/id="n-dead">1</);
  expect(text).toContain("Dead letters cannot be read now");
  expect((await get("/dead")).status).toBe(503);
  expect((await get("/status.json")).status).toBe(503);
  await broker.restart();
  await expect.poll(async () => (await get("/dead")).status).toBe(200);
  await expect.poll(page).toMatch(/Broker away[\s\S]*ended/);
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
