import type { FastifyInstance, FastifyRequest } from "fastify";
import { codedError } from "../../shared/base/errors.ts";
import { isForHooksOnly, isRefusal, refuse, type Caller } from "../access/caller.ts";
import { credentialOf } from "../access/credential.ts";
import type { Entrance } from "../access/open-access.ts";
import { limitWrongKeys } from "../access/wrong-keys.ts";
import { granted } from "./checked.ts";
import { answerPages, isPreflight } from "./pages.ts";

/**
 * Lets a request in once it is known who sends it, and while the server does not stop. Also one for a path that is not there: only open routes tell
 * strangers anything.
 */
export function admit(
  app: FastifyInstance,
  { entrance, stopping }: { entrance: Entrance; stopping: () => boolean },
): void {
  const { access, guard, origins } = entrance;
  const wrongKeys = limitWrongKeys(app);
  app.decorateRequest("caller", null);
  app.decorateRequest("facts", null);
  answerPages(app, origins);
  app.addHook("onRequest", async (request) => {
    if (stopping() && request.routeOptions.config.toTheEnd !== true)
      throw codedError("gateway_stopping", "the server is stopping; repeat the request");
    granted(guard(request.headers) ?? {});
    if (request.routeOptions.config.open === true || isPreflight(request)) return;
    const caller = await callerOf(request);
    if (isForHooksOnly(caller) && request.routeOptions.config.hooks !== true)
      granted(refuse("scope_missing", "this key is for /hooks/* only"));
    request.caller = caller;
  });

  async function callerOf(request: FastifyRequest): Promise<Caller> {
    const { headers } = request;
    const caller = await access.caller({ headers, remoteAddress: request.ip });
    const isWrong = isRefusal(caller) && caller.code === "inbound_unauthorized";
    if (isWrong && credentialOf(headers).kind !== "none" && (await wrongKeys.tooMany(request)))
      throw codedError("too_many_attempts", "too many wrong keys from this address");
    return granted(caller);
  }
}
