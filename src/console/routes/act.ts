import { randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isOwnPage } from "../../shared/http/door/protect.ts";
import { sameSecret } from "../../shared/http/door/secret.ts";
import { confirmPage } from "../views/confirm.ts";
import { problem, problemOf } from "../views/problem.ts";
import { targetOf, type Actions } from "./actions.ts";
import { laneOf, mustBeConnected, NO_LANES, sendPage, type Frame } from "./frame.ts";
import { formOf } from "./form.ts";
import { parameter } from "./parameters.ts";

const EARLIER_FORM =
  "This form belongs to an earlier run of the console, or to someone else. Go back, reload the page and try again.";

/** The question before an action, and the action. A cookie alone does nothing: the form carries a token of this process. */
export function addActs(app: FastifyInstance, { actions, frame }: { actions: Actions; frame: Frame }): void {
  const token = randomBytes(32).toString("base64url");

  async function act(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const form = formOf(request);
    if (!isOwnPage(request.headers)) return reply.code(403).send({ code: "origin_refused" });
    if (!sameSecret(form.get("token") ?? "", token))
      return sendPage(frame, request, reply, NO_LANES, () => problem(403, EARLIER_FORM));
    try {
      const { action = "" } = request.params as { action?: string };
      mustBeConnected(frame);
      const { path, notice } = await actions.carryOut(action, form);
      return await reply.redirect(
        `${path}${path.includes("?") ? "&" : "?"}notice=${frame.notices.keep(notice)}`,
        303,
      );
    } catch (error) {
      return sendPage(frame, request, reply, NO_LANES, () => problemOf(error, true));
    }
  }

  app.get("/confirm", (request, reply) => {
    const session = parameter(request, "session");
    return sendPage(frame, request, reply, laneOf(session), async (shot) => {
      mustBeConnected(frame);
      const target = targetOf((name) => parameter(request, name));
      const action = await actions.about(parameter(request, "action"), target, shot.sources);
      return { place: "none", title: "Confirm", main: confirmPage(action, token) };
    });
  });
  app.post("/act/:action", (request, reply) => act(request, reply));
}
