import type { FastifyInstance } from "fastify";
import { codedError } from "../../shared/base/errors.ts";
import type { Access } from "../access/caller.ts";
import { granted } from "./checked.ts";

/** Lets a request in once it is known who sends it, and while the server does not stop. Also one for a path that is not there: only open routes tell strangers anything. */
export function admit(
  app: FastifyInstance,
  { access, stopping }: { access: Access; stopping: () => boolean },
): void {
  app.decorateRequest("caller", null);
  app.decorateRequest("facts", null);
  app.addHook("onRequest", async (request) => {
    if (stopping()) throw codedError("gateway_stopping", "the server is stopping; repeat the request");
    if (request.routeOptions.config.open === true) return;
    const { remoteAddress } = request.raw.socket;
    request.caller = granted(await access.caller({ headers: request.headers, remoteAddress }));
  });
}
