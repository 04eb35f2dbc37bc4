import { expect, onTestFinished, test } from "vitest";
import { hasHeard, untilHeard } from "../../../../src/cli/up/heard.ts";
import { systemClock } from "../../../../src/shared/base/clock.ts";
import { serveHttp, type HttpServer } from "../../../support/http-server.ts";

function answer(relay: string, coordinator: string): object {
  return { ready: true, dependencies: { relay: { state: relay }, coordinator: { state: coordinator } } };
}

test.each<[unknown, boolean, boolean]>([
  [answer("up", "up"), true, true],
  [answer("up", "away"), true, false],
  [answer("up", "away"), false, true],
  [answer("away", "unknown"), false, false],
  [answer("away", "up"), true, false],
  [undefined, false, false],
  [null, false, false],
  ["text", false, false],
  [{ dependencies: 7 }, false, false],
])("%j, our stand-in: %s: %s", (said, standIn, heard) => {
  expect(hasHeard(said, standIn)).toBe(heard);
});

/** A gateway that gives these answers, the last one for ever. */
async function gateway(answers: readonly string[]): Promise<HttpServer> {
  const server = await serveHttp((response) =>
    response.end(answers[Math.min(server.got.length, answers.length) - 1]),
  );
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

test("it asks until the relay is heard, with the token", async () => {
  const away = JSON.stringify(answer("away", "unknown"));
  const { url, got } = await gateway([away, "not JSON", JSON.stringify(answer("up", "up"))]);
  expect(await untilHeard({ gateway: url, token: "t", standIn: true, clock: systemClock })).toBe(true);
  expect(got).toHaveLength(3);
  for (const { target, headers } of got)
    expect([target, headers.authorization]).toEqual(["/_relay/ready", "Bearer t"]);
});

test("it gives up when no relay is heard, or none answers", async () => {
  let now = 0;
  const clock = { ...systemClock, now: () => (now += 500) };
  const { url } = await gateway([JSON.stringify(answer("away", "unknown"))]);
  for (const where of [url, "http://127.0.0.1:1"])
    expect(await untilHeard({ gateway: where, token: undefined, standIn: false, clock })).toBe(false);
});
