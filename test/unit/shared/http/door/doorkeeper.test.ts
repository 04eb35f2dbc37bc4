import { fastify, type FastifyInstance, type LightMyRequestResponse } from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { createDoor } from "../../../../../src/shared/http/door/door.ts";
import {
  createDoorkeeper,
  MOST_WRONG,
  withoutToken,
  WRONG_MS,
} from "../../../../../src/shared/http/door/doorkeeper.ts";
import { createFakeClock, type FakeClock } from "../../../../support/fake-clock.ts";

const TOKEN = "0123456789abcdefABCDEF";

test.each([
  ["/?token=x", "/"],
  ["/dead?token=x&session=a%20b", "/dead?session=a+b"],
  ["/dead?session=s&token=x&token=y", "/dead?session=s"],
  ["//evil.example/?token=x", "/evil.example/"],
  ["/\\evil.example/?token=x", "/evil.example/"],
  ["http://evil.example/?token=x", "/http://evil.example/"],
  ["/a?b=c?token=x", "/a?b=c%3Ftoken%3Dx"],
])("%s without its token is %s, and stays here", (target, left) => {
  expect(withoutToken(target)).toBe(left);
  expect(new URL(left, "http://127.0.0.1:1").host).toBe("127.0.0.1:1");
});

function guarded(): { app: FastifyInstance; clock: FakeClock } {
  const clock = createFakeClock();
  const app = fastify();
  const door = createDoor({ token: TOKEN, wall: () => clock.wall() });
  const keeper = createDoorkeeper({ door, clock, ask: (wrong) => `<p>${wrong ? "wrong" : "asked"}</p>` });
  app.addHook("onRequest", async (request, reply) => {
    if (request.url !== "/enter" && (await keeper.stops(request, reply))) return reply;
  });
  app.get("/secret", () => "shown");
  app.post("/secret", () => "done");
  app.post("/enter", (request, reply) => keeper.enter(request, reply, String(request.body)));
  onTestFinished(() => app.close());
  return { app, clock };
}

/** A request whose answer may need time to pass. */
async function answerOf(
  clock: FakeClock,
  asked: Promise<LightMyRequestResponse>,
): Promise<LightMyRequestResponse> {
  let done = false;
  void asked.finally(() => (done = true));
  while (!done) await clock.pass(WRONG_MS);
  return asked;
}

const html = { accept: "text/html,*/*" };
const cookieOf = (answer: LightMyRequestResponse): string =>
  String(answer.headers["set-cookie"]).split(";")[0] ?? "";

test("without a token nothing is shown or done, and no path is known to exist or not", async () => {
  const { app } = guarded();
  for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] as const) {
    for (const url of ["/secret", "/nothing", "/secret/", "/SECRET", "/%73ecret"]) {
      const answer = await app.inject({ method, url });
      expect(answer.statusCode, `${method} ${url}`).toBe(401);
      expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
      expect(answer.body).not.toMatch(/shown|done/);
    }
  }
  expect((await app.inject({ url: "/secret" })).json()).toMatchObject({ code: "token_required" });
  expect((await app.inject({ url: "/secret", headers: html })).body).toBe("<p>asked</p>");
});

test("a program shows the token in a header; in an address it is no way to act", async () => {
  const { app, clock } = guarded();
  const headers = { authorization: `Bearer ${TOKEN}` };
  expect((await app.inject({ url: "/secret", headers })).body).toBe("shown");
  expect((await app.inject({ method: "POST", url: "/secret", headers })).body).toBe("done");
  const asked = app.inject({ method: "POST", url: `/secret?token=${TOKEN}` });
  expect((await answerOf(clock, asked)).statusCode).toBe(401);
});

test("the token in the address is exchanged once, by a redirect, for a cookie", async () => {
  const { app } = guarded();
  const answer = await app.inject({ url: `/secret?a=1&token=${TOKEN}`, headers: html });
  expect(answer.statusCode).toBe(303);
  expect(answer.headers.location).toBe("/secret?a=1");
  expect(answer.headers["referrer-policy"]).toBe("no-referrer");
  expect(JSON.stringify([answer.headers, answer.body])).not.toContain(TOKEN);
  const again = await app.inject({ url: "/secret?a=1", headers: { cookie: cookieOf(answer) } });
  expect(again.body).toBe("shown");
  expect(again.headers["set-cookie"]).toBeUndefined();
});

test("a typed token is accepted as well; a wrong one is reported", async () => {
  const { app, clock } = guarded();
  const enter = (payload: string): Promise<LightMyRequestResponse> =>
    app.inject({
      method: "POST",
      url: "/enter",
      payload,
      headers: { ...html, "content-type": "text/plain" },
    });
  const wrong = await answerOf(clock, enter("guess"));
  expect([wrong.statusCode, wrong.body]).toEqual([401, "<p>wrong</p>"]);
  const right = await enter(TOKEN);
  expect([right.statusCode, right.headers.location]).toEqual([303, "/"]);
  expect((await app.inject({ url: "/secret", headers: { cookie: cookieOf(right) } })).body).toBe("shown");
});

test("wrong tokens wait for their answer, few at once, and the right one passes by them all", async () => {
  const { app, clock } = guarded();
  const guess = (n: number): Promise<LightMyRequestResponse> =>
    app.inject({ url: "/secret", headers: { authorization: `Bearer guess-number-${n}-of-many` } });
  let answered = 0;
  const guesses = Array.from({ length: MOST_WRONG }, (_, n) => guess(n).finally(() => answered++));
  await expect.poll(() => clock.pending()).toBe(MOST_WRONG);
  const more = await guess(MOST_WRONG);
  expect([more.statusCode, more.headers["retry-after"], more.json()]).toEqual([
    429,
    "1",
    { code: "too_many_attempts" },
  ]);
  const right = await app.inject({ url: "/secret", headers: { authorization: `Bearer ${TOKEN}` } });
  expect(right.body).toBe("shown");
  expect((await app.inject({ url: "/secret" })).statusCode, "no token is no guess").toBe(401);
  await clock.pass(WRONG_MS - 1);
  expect(answered).toBe(0);
  await clock.pass(1);
  for (const { statusCode } of await Promise.all(guesses)) expect(statusCode).toBe(401);
  expect((await answerOf(clock, guess(0))).statusCode, "there is room again").toBe(401);
});
