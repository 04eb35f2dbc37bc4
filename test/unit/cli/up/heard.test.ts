import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { hasHeard, untilHeard } from "../../../../src/cli/up/heard.ts";
import { systemClock } from "../../../../src/shared/base/clock.ts";

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
async function gateway(answers: readonly string[]): Promise<{ url: string; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    response.end(answers[Math.min(asked.length, answers.length) - 1]);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test("it asks until the relay is heard, with the token", async () => {
  const away = JSON.stringify(answer("away", "unknown"));
  const { url, asked } = await gateway([away, "not JSON", JSON.stringify(answer("up", "up"))]);
  expect(await untilHeard({ gateway: url, token: "t", standIn: true, clock: systemClock })).toBe(true);
  expect(asked).toHaveLength(3);
  for (const request of asked)
    expect([request.url, request.headers.authorization]).toEqual(["/_relay/ready", "Bearer t"]);
});

test("it gives up when no relay is heard, or none answers", async () => {
  let now = 0;
  const clock = { ...systemClock, now: () => (now += 500) };
  const { url } = await gateway([JSON.stringify(answer("away", "unknown"))]);
  for (const where of [url, "http://127.0.0.1:1"])
    expect(await untilHeard({ gateway: where, token: undefined, standIn: false, clock })).toBe(false);
});
