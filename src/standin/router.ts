import type { Handler } from "./call.ts";

/** `path` has variable segments in braces: `/sessions/{session_id}/events`. */
export type Route = { method: string; path: string; handle: Handler };

export type Match =
  | { kind: "found"; handle: Handler; params: readonly string[] }
  | { kind: "method"; allow: string }
  /** The path with another ending exists; the framework redirects there. */
  | { kind: "slash"; path: string }
  | { kind: "none" };

/** Finds the route of a request. As in the framework, `Allow` names the first route's method only. */
export function createRouter(routes: readonly Route[]): (method: string, path: string) => Match {
  const compiled = routes.map((route) => ({ route, segments: route.path.split("/") }));
  const bySize = Map.groupBy(compiled, (entry) => entry.segments.length);

  function find(method: string, path: string): Match {
    const segments = path.split("/");
    let allow: string | undefined;
    for (const entry of bySize.get(segments.length) ?? []) {
      if (!fits(entry.segments, segments)) continue;
      if (entry.route.method !== method) {
        allow ??= entry.route.method;
        continue;
      }
      return { kind: "found", handle: entry.route.handle, params: paramsOf(entry.segments, segments) };
    }
    return allow === undefined ? { kind: "none" } : { kind: "method", allow };
  }

  return (method, path) => {
    const match = find(method, path);
    if (match.kind !== "none" || path === "/") return match;
    const other = path.endsWith("/") ? path.slice(0, -1) : `${path}/`;
    return find(method, other).kind === "none" ? match : { kind: "slash", path: other };
  };
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  for (let i = 1; i < pattern.length; i++) {
    const want = pattern[i] ?? "";
    if (want.startsWith("{")) {
      if (segments[i] === "") return false;
    } else if (want !== segments[i]) return false;
  }
  return true;
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): string[] {
  const params: string[] = [];
  for (let i = 1; i < pattern.length; i++) {
    if (pattern[i]?.startsWith("{")) params.push(decoded(segments[i] ?? ""));
  }
  return params;
}

function decoded(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
