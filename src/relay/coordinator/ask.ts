import type { Clock } from "../../shared/base/clock.ts";
import type { Coordinator } from "./client.ts";
import type { AttemptResult } from "./verdict.ts";

/** A question may be asked again at any time, so it waits less than an event does. */
const ASK_TIMEOUT_MS = 5000;

/**
 * Asks the coordinator something that changes nothing there, once more on a fresh connection if a kept one was closed as it was used. The whole answer must
 * come in time, not only its next byte.
 */
export async function ask(
  deps: { coordinator: Coordinator; clock: Clock },
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<AttemptResult> {
  const once = async (fresh: boolean): Promise<AttemptResult> => {
    const attempt = deps.coordinator.send({
      method: "GET",
      path,
      headers: { accept: "application/json", ...headers },
      fresh,
    });
    const cancel = deps.clock.after(ASK_TIMEOUT_MS, () => attempt.abort("timeout"));
    try {
      return await attempt.result;
    } finally {
      cancel();
    }
  };
  const result = await once(false);
  return result.kind === "failed" && result.cause === "closed" ? once(true) : result;
}
