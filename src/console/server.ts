import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../shared/base/clock.ts";
import { isOwnPage } from "../shared/http/door/protect.ts";
import { createShutApp } from "../shared/http/door/shut-app.ts";
import { formOf, readForms } from "./routes/form.ts";
import { askToken, ENTRANCE } from "./views/ask-token.ts";
import { ICON, STYLE } from "./views/style.ts";

/** Shows no session and no body: health for supervisors, and what the page that asks for the token is made of. */
const OPEN: ReadonlySet<string> = new Set(["/health", "/page/style.css", "/page/icon.svg", ENTRANCE]);

/** The console's server, without its pages: health, the door, and what a browser needs beside the pages. */
export function createConsoleServer(deps: {
  clock: Clock;
  listen: string;
  token: string;
  version: string;
}): FastifyInstance {
  const { app, keeper } = createShutApp({ ...deps, open: OPEN, ask: askToken });
  readForms(app);
  app.post(ENTRANCE, async (request, reply) => {
    if (!isOwnPage(request.headers)) return reply.code(403).send({ code: "origin_refused" });
    return keeper.enter(request, reply, formOf(request).get("token") ?? "");
  });
  app.get("/health", () => ({ status: "alive", version: deps.version }));
  const asset = (path: string, type: string, text: string): void => {
    app.get(path, (_request, reply) => reply.type(type).send(text));
  };
  const script = (path: string, file: string): void =>
    asset(path, "text/javascript; charset=utf-8", readFileSync(file, "utf8"));
  script("/page/client.js", join(dirname(fileURLToPath(import.meta.url)), "client.js"));
  script("/page/idiomorph.js", fileURLToPath(import.meta.resolve("idiomorph")));
  asset("/page/style.css", "text/css; charset=utf-8", STYLE);
  asset("/page/icon.svg", "image/svg+xml", ICON);
  return app;
}
