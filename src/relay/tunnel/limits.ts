import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";

/** How long the coordinator may take until the head of its answer, milliseconds. After the head there is no limit. */
export type HeadLimits = {
  /** For a runner's own calls: the coordinator holds its poll for 30 s. */
  runnerMs: number;
  /** For everything else. */
  passMs: number;
};

/** Which limit a request has. Pure. */
export function headLimit(limits: HeadLimits, target: string): number {
  return /^\/+runner\//.test(target) ? limits.runnerMs : limits.passMs;
}

/** Requests under way per relay: each may hold 2 × 2 MiB. */
export const MAX_STREAMS = 512;
/** Most of them for one gateway, so that an eighth is left for the others whatever it does. */
export const MAX_STREAMS_PER_GATEWAY = 448;

/** One rule of the allow-list: a method or `*`, and a path with `*` for one segment and `**` for any rest. */
export type AllowRule = { method: string; path: RegExp; everything: boolean };

/** Reads rules such as `GET /sessions/**, POST /runs`; throws a RangeError naming the bad one. Pure. */
export function parseAllowList(text: string): AllowRule[] {
  return text
    .split(",")
    .map((rule) => rule.trim())
    .filter((rule) => rule !== "")
    .map((rule) => {
      const match = /^([A-Z]+|\*)\s+(\/\S*)$/.exec(rule);
      if (match === null) throw new RangeError(`not an allow rule: ${rule}`);
      const [, method = "*", path = "/"] = match;
      const pattern = path
        .split(/(\*\*|\*)/)
        .map((part) =>
          part === "**" ? ".*" : part === "*" ? "[^/]+" : part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"),
        )
        .join("");
      return { method, path: new RegExp(`^${pattern}$`), everything: path === "/**" };
    });
}

/** Do the rules allow a request? A path that a server could read differently than the rules do is allowed only by a rule for everything. Pure. */
export function isAllowed(rules: readonly AllowRule[], method: string, target: string): boolean {
  const path = target.split("?", 1)[0] ?? "";
  const odd = path === "*" || /%2f|%5c|\\|\/\/|\/\.{1,2}(?:\/|$)|%2e|#/i.test(path);
  return rules.some(
    (rule) =>
      (rule.method === "*" || rule.method === method) && (odd ? rule.everything : rule.path.test(path)),
  );
}

/** The session that `DELETE target` deletes. Undefined for other targets, and for ids that are never accepted, because the log has no event of those. Pure. */
export function deletedSession(target: string): string | undefined {
  const match = /^\/+sessions\/+([^/?]+)\/*(?:\?|$)/.exec(target);
  try {
    const session = match?.[1] === undefined ? undefined : decodeURIComponent(match[1]);
    return session === undefined || sessionIdProblem(session) !== undefined ? undefined : session;
  } catch {
    return undefined;
  }
}
