import { jetstreamManager } from "@nats-io/jetstream";
import { errorText } from "../shared/base/errors.ts";
import { counted } from "../shared/base/show.ts";
import { systemClock } from "../shared/base/clock.ts";
import type { Environment } from "../shared/base/config/load.ts";
import { SERVE_INBOX } from "../shared/log/schema/subjects.ts";
import { fail, ok, type Line } from "../shared/messages/checks/line.ts";
import { createPages } from "../shared/session-log/follow/pages.ts";
import { rebuildIndex } from "../shared/session-log/registry/rebuild.ts";
import { SESSIONS_STREAM } from "../shared/session-log/topology.ts";
import type { Flags } from "./flags.ts";
import { withBroker } from "./operator.ts";

/** Longest time for it: some 2,000 sessions a second. */
const PATIENCE_MS = 10 * 60_000;

/** Makes the index of agent sessions again, with the login of `serve`, which alone may write it. The result is a line of `doctor`. */
export async function fixIndex(env: Environment, flags: Flags): Promise<Line> {
  const check = "index of sessions, fixed";
  try {
    const entered = await withBroker({ role: "serve", env, flags }, async (nc) => {
      const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
      await jsm.streams.info(SESSIONS_STREAM); // says at once if there is none, or if this login may not
      const clock = systemClock;
      const pages = createPages({ nc, clock, inboxPrefix: SERVE_INBOX });
      return await rebuildIndex({ nc, jsm, pages, clock, signal: AbortSignal.timeout(PATIENCE_MS) });
    });
    return ok(check, `${counted(entered.length, "session")} entered`);
  } catch (error) {
    return fail(check, errorText(error), "with a broker of your own, set NATS_USER to the user of `serve`");
  }
}
