import { expect, test } from "vitest";
import { ANSWER_BYTES, ANSWER_MS, ask } from "../../../../src/worker/credentials/ask.ts";
import { eventually } from "../../../support/eventually.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { broken, json, silent, startServer, type Step } from "../../../support/scripted-server.ts";

const { signal } = new AbortController();
const TOKEN = { authorization: "Bearer t" };

test.each<[string, Step]>([
  ["nothing", silent],
  ["a part of its body", (response) => void response.writeHead(200, { "content-length": "9" }).write("{")],
])("a server that answers %s is given up after 10 s", async (_, step) => {
  await using server = await startServer(step);
  const clock = createFakeClock();
  const asked = ask({ clock, signal }, new URL(server.url), TOKEN);
  await eventually(() => expect(server.seen).toHaveLength(1));
  clock.jump(ANSWER_MS - 1);
  expect(await Promise.race([asked, Promise.resolve("nothing yet")])).toBe("nothing yet");
  clock.jump(1);
  expect(await asked).toEqual({ kind: "failed", why: "no answer within 10 s" });
  expect(clock.pending()).toBe(0);
});

test.each<[string, Step]>([
  ["breaks off", broken],
  ["sends too much", json(200, "x".repeat(ANSWER_BYTES + 1))],
  ["never stops", (response) => void response.writeHead(200).write(Buffer.alloc(ANSWER_BYTES * 2))],
])("an answer that %s has failed", async (_, step) => {
  await using server = await startServer(step);
  const asked = await ask({ clock: createFakeClock(), signal }, new URL(server.url), TOKEN);
  expect(asked.kind).toBe("failed");
});

test("a turn that ends stops asking, and a redirect is an answer", async () => {
  await using server = await startServer(json(307, {}, { location: "http://127.0.0.1:9/" }), silent);
  const clock = createFakeClock();
  const redirected = await ask({ clock, signal }, new URL(server.url), TOKEN);
  expect(redirected).toMatchObject({ kind: "answered", status: 307 });
  const turn = new AbortController();
  const asked = ask({ clock, signal: turn.signal }, new URL(server.url), TOKEN);
  await eventually(() => expect(server.seen).toHaveLength(2));
  turn.abort(new Error("cancelled"));
  await expect(asked).rejects.toThrow("cancelled");
});
