import type { FastifyReply, FastifyRequest } from "fastify";
import { codedError } from "../../shared/base/errors.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import type { WantedLanes } from "../../shared/messages/standing/ask-views.ts";
import { layout, type Page } from "../views/layout.ts";
import { problemOf } from "../views/problem.ts";
import type { Snapshot } from "../views/snapshot.ts";
import type { Notices } from "./notices.ts";
import { parameter } from "./parameters.ts";

/** For pages without sessions. */
export const NO_LANES: WantedLanes = { most: 0 };

/** The lane of one session; none for what is no session id. Pure. */
export function laneOf(session: string | undefined): WantedLanes {
  return session === undefined || sessionIdProblem(session) !== undefined ? NO_LANES : { most: 1, session };
}

/** What every page is made of. */
export type Frame = {
  snapshot: (lanes: WantedLanes) => Promise<Snapshot>;
  notices: Notices;
  connected: () => boolean;
};

/** Answers with a page in its frame. What `build` throws becomes a page that shows the error. */
export async function sendPage(
  frame: Frame,
  request: FastifyRequest,
  reply: FastifyReply,
  lanes: WantedLanes,
  build: (shot: Snapshot) => Page | Promise<Page>,
): Promise<FastifyReply> {
  const shot = await frame.snapshot(lanes);
  let page: Page;
  try {
    page = await build(shot);
  } catch (error) {
    page = problemOf(error);
  }
  const notice = frame.notices.get(parameter(request, "notice"));
  return reply
    .code(page.status ?? 200)
    .type("text/html; charset=utf-8")
    .send(layout(shot, page, notice));
}

/** A question to a broker that is away would end with a time-out only. Throws `log_unreachable`. */
export function mustBeConnected({ connected }: Pick<Frame, "connected">): void {
  if (!connected()) throw codedError("log_unreachable", "the broker is not connected");
}
