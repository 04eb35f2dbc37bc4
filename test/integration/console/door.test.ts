import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { readStatus } from "../../../src/operate/status.ts";
import { MOST_CONNECTIONS } from "../../../src/shared/http/door/shut-app.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { DEAD_STREAM, EVENTS_STREAM } from "../../../src/shared/log/schema/topology.ts";
import { call } from "../gateway/harness.ts";
import { createAppender, PAGE_BEARER, PAGE_TOKEN } from "../../support/relay.ts";
import { setUp, bury, formOf, post } from "./page-stage.ts";

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

test("a client that never ends its request is cut off, and delays no other", async () => {
  const { url, get } = await setUp();
  const { port, host } = new URL(url);
  const begun = [
    `GET / HTTP/1.1\r\nHost: ${host}\r\nX: `,
    `POST /act/pause HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 99\r\n\r\n`,
  ];
  const closed = begun.map(async (text) => {
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
    const drip = setInterval(() => socket.write("a"), 500);
    socket.resume().on("error", () => {}); // a drop that arrives after the cut is answered with a reset
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(drip);
  });
  expect((await get("/health")).status).toBe(200);
  await Promise.all(closed);
});
