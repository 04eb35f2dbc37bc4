import { setTimeout as delay } from "node:timers/promises";
import { fastify } from "fastify";
import { expect, test } from "vitest";
import { leave } from "../../../src/sessions/leave.ts";

test("streams end when the server accepts no connection any more, however long that takes, and it waits for them", async () => {
  const app = fastify();
  app.addHook("preClose", async () => {
    await delay(20);
  });
  app.get("/", (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { connection: "close" }).write("a stream");
    streams.push(() => reply.raw.end());
  });
  const streams: (() => void)[] = [];
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const answer = await fetch(url);
  let listening: boolean | undefined;
  await leave(app, () => {
    ({ listening } = app.server);
    for (const end of streams) end();
  });
  expect(listening).toBe(false);
  expect(await answer.text()).toBe("a stream");
});
