import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { leavingRunner } from "../../shared/messages/tunnel/leaving-runner.ts";
import type { Leaving, Reports } from "../registrations/index.ts";
import { answerOurselves, createAskWhole, hand } from "./ask-whole.ts";
import type { AnswerEvents } from "../coordinator/answer-events.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";
import { isCoordinatorsWord } from "../coordinator/whose-word.ts";

/** How long a runner waits until its own reports are delivered; then its removal is kept, and goes out behind them. */
const BEHIND_REPORTS_MS = 5000;
/** A runner waits 35 s for its removal, and a person who stops it may wait less. A removal that takes longer is kept and tried again. */
const REMOVE_MS = 10_000;
const KEPT: Uint8Array = Buffer.from(
  '{"ok":true,"message":"The runner will be removed as soon as possible","initiated_by":"self"}',
);

/**
 * Serves `DELETE /runners/{id}?self=true`, by which a runner that stops removes itself. The runner asks once, so a removal that the coordinator does not take is
 * kept and carried out later. It must not overtake the runner's reports, because removing a runner fails its runs, and its later reports are refused.
 */
export function letRunnersLeave(deps: {
  upstream: Upstream;
  clock: Clock;
  log: Logger;
  leaving: Pick<Leaving, "ask" | "gone">;
  reports: Pick<Reports, "quiet">;
  /** Is the coordinator known to be away? */
  away: () => boolean;
}): Upstream {
  const { upstream, log, leaving, reports } = deps;
  const ask = createAskWhole(deps);

  async function serve(runner: string, request: UpstreamRequest, events: AnswerEvents): Promise<void> {
    const quiet = !deps.away() && (await reports.quiet(runner, BEHIND_REPORTS_MS));
    // a runner that stops may close the connection at once, and still wants to be removed
    const answer = quiet ? await ask(request, new AbortController().signal, REMOVE_MS) : undefined;
    if (answer?.kind === "answer" && isCoordinatorsWord(answer)) {
      hand(answer, events);
      const removed = answer.status < 300 || answer.status === 404;
      if (removed)
        await leaving
          .gone(runner)
          .catch((error: unknown) =>
            log.warn({ runner, err: errorText(error) }, "the record of a removal could not be deleted"),
          );
      return;
    }
    if (await leaving.ask(runner)) return answerOurselves(events, 200, "OK", KEPT);
    events.failed("tunnel_busy", "too many runners are waiting to be removed");
  }

  return {
    call(request, events) {
      const runner = leavingRunner(request.method, request.target);
      const streamed = request.body !== undefined && !(request.body instanceof Uint8Array);
      if (runner === undefined || streamed || request.upgrade !== undefined)
        return upstream.call(request, events);
      serve(runner, request, events).catch((error: unknown) =>
        events.failed("log_unreachable", errorText(error)),
      );
      return { resume() {}, abort() {} };
    },
    close: () => upstream.close(),
  };
}
