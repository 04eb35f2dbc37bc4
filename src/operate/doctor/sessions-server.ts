import { showUrl } from "../../shared/base/show-url.ts";
import { fail, ok, type Line } from "../../shared/messages/checks/line.ts";
import { LOOK_MS, reading, type Reading } from "../../shared/messages/checks/reading.ts";

/** What a sessions server says about its log in `/ready`; undefined if the answer is not a sessions server's. */
export type SessionsReady = { log: string } | undefined;
export type SessionsFact = { url: string; ready: Reading<SessionsReady> };

export async function readSessionsServer(url: string): Promise<SessionsFact> {
  const ready = await reading(async () => {
    const response = await fetch(new URL("/ready", url), {
      signal: AbortSignal.timeout(LOOK_MS),
      redirect: "manual",
    });
    return sessionsReady(await response.json().catch(() => undefined));
  });
  return { url, ready };
}

/** Pure. */
export function sessionsReady(body: unknown): SessionsReady {
  const { ready, dependencies } = (body ?? {}) as { ready?: unknown; dependencies?: { log?: unknown } };
  const { state } = (dependencies?.log ?? {}) as { state?: unknown };
  return typeof ready === "boolean" && typeof state === "string" ? { log: state } : undefined;
}

/** What each state of the log means for clients, and the advice. */
const BROKEN: Record<string, [text: string, todo: string]> = {
  down: ["does not reach the log of sessions", "check the broker; clients try again by themselves"],
  full: ["takes no turns, the log of sessions is full", "delete sessions with `runner-relay sessions rm`"],
};

/** Pure. */
export function judgeSessionsServer({ url, ready }: SessionsFact): Line {
  const check = `sessions server ${showUrl(url)}`;
  if (ready.kind === "failed")
    return fail(
      check,
      ready.why,
      "read the log of `up` or `serve`, and start it again; turns go on meanwhile",
    );
  if (ready.value === undefined)
    return fail(check, "another program answers there", "find out which program uses the port");
  const { log } = ready.value;
  if (log === "up") return ok(check, "ready");
  const [text, todo] = BROKEN[log] ?? [`not ready; its log is ${log}`, "read its log"];
  return fail(check, text, todo);
}
