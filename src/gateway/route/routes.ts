import { EXECUTOR_WRITES, RUN_REPORTS, WRITE_ROUTES, type WriteKind } from "../contract/writes.ts";
import { isPlain, readingsOf } from "./readings.ts";

/** A runner's report on a run. It is ordered after the events of the run's session. */
export type RunReport = { id: string; report: string };

/** The route of a request. `session` is the decoded path segment, or undefined if the body names the session. */
export type Route =
  | { kind: "write"; write: WriteKind; session: string | undefined; run?: RunReport }
  /** The path of a write whose session cannot be decoded. */
  | { kind: "undecodable" }
  /** One of the gateway's own paths with a method that it does not have. `allow`: those that it has. */
  | { kind: "method"; allow: string }
  /** Not a write here, but a server on the way to the coordinator could read it as one. */
  | { kind: "ambiguous" }
  /** The gateway's own resources, with the segments after `/_relay`. `/` is the same as `/_relay`. */
  | { kind: "own"; segments: string[]; query: string }
  | { kind: "other" };

const OTHER: Route = { kind: "other" };
const AMBIGUOUS: Route = { kind: "ambiguous" };

/** `METHOD /path` of the writes that existing executors send, exactly as they send them, for a fast look-up. */
const COMMON = new Map<string, Route>(
  EXECUTOR_WRITES.map((write) => {
    const { method, name } = WRITE_ROUTES[write];
    return [`${method} /${name}`, { kind: "write", write, session: undefined }];
  }),
);

const REPORTS: ReadonlySet<string> = new Set(RUN_REPORTS);

const WRITES = new Map<string, WriteKind>(
  EXECUTOR_WRITES.map((write) => [`${WRITE_ROUTES[write].method} ${WRITE_ROUTES[write].name}`, write]),
);

/** What the short paths of writes say to any other method: they are the gateway's, and the coordinator has none of them. */
const OTHER_METHOD = new Map<string, Route>(
  Object.values(WRITE_ROUTES).map(({ method, name }) => [name, { kind: "method", allow: method }]),
);

/** The methods of writes. */
const METHODS = new Set(["POST", "PATCH"]);

/**
 * Finds the route of a request by its raw target. Query and fragment are ignored, slashes may repeat or trail, letters may be percent-encoded or
 * have another case, dot segments are resolved, and of an absolute URL only the path counts. A target that is not a write by these rules, but that
 * the coordinator or a server before it might read as one, is `ambiguous`, so that no write passes without being enriched (OWN-1). Pure.
 */
export function matchRoute(method: string, target: string): Route {
  const common = COMMON.get(`${method} ${target}`);
  if (common !== undefined) return common;
  const { path, query } = splitTarget(target);
  const segments = segmentsOf(path);
  // only as it is typed: an absolute URL without a path passes through, like other spellings of the root
  if ((path === "/" && target.startsWith("/")) || segments[0]?.text.toLowerCase() === "_relay")
    return { kind: "own", segments: segments.slice(1).map((s) => s.text), query };
  const write = writeOf(method, segments);
  if (write !== undefined) return write;
  return METHODS.has(method) && !isPlain(path) && mayBeWrite(method, path) ? AMBIGUOUS : OTHER;
}

/** True if some server could read the path as a write. For a path above the root only the end of the path is compared. */
function mayBeWrite(method: string, path: string): boolean {
  const readings = readingsOf(path);
  if (readings === undefined) return true;
  return readings.some(({ segments, climbed }) => {
    const named = segments.map((text) => ({ text, exact: true }));
    const ends = climbed ? [1, 3, 4].map((length) => named.slice(-length)) : [named];
    return ends.some((end) => writeOf(method, end)?.kind === "write");
  });
}

function writeOf(method: string, segments: Segment[]): Route | undefined {
  const [first, second, third] = segments;
  const name = first?.text.toLowerCase() ?? "";
  if (segments.length === 1) {
    const write = WRITES.get(`${method} ${name}`);
    return write === undefined ? OTHER_METHOD.get(name) : { kind: "write", write, session: undefined };
  }
  if (segments.length === 3 && name === "sessions") {
    const write = WRITES.get(`${method} ${third?.text.toLowerCase() ?? ""}`);
    if (write === undefined || second === undefined) return undefined;
    return second.exact ? { kind: "write", write, session: second.text } : { kind: "undecodable" };
  }
  return segments.length === 4 && name === "runner" && method === "POST" ? runnerReport(segments) : undefined;
}

/** `POST /runner/runs/{run}/{report}` and `POST /runner/sessions/{id}/status`. */
function runnerReport([, place, id, last]: Segment[]): Route | undefined {
  const what = last?.text.toLowerCase() ?? "";
  if (place?.text.toLowerCase() === "runs" && REPORTS.has(what)) {
    if (!id?.exact) return { kind: "undecodable" };
    return { kind: "write", write: "run", session: undefined, run: { id: id.text, report: what } };
  }
  if (place?.text.toLowerCase() === "sessions" && what === "status") {
    return id?.exact ? { kind: "write", write: "run", session: id.text } : { kind: "undecodable" };
  }
  return undefined;
}

function splitTarget(target: string): { path: string; query: string } {
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(target);
  const rest = absolute === null ? target : target.slice(absolute[0].length);
  const end = rest.search(/[?#]/);
  if (end < 0) return { path: rest, query: "" };
  const hash = rest.indexOf("#");
  const query = rest[end] === "?" ? rest.slice(end + 1, hash < 0 ? undefined : hash) : "";
  return { path: rest.slice(0, end), query };
}

/** `exact` is false if the segment's bytes are not UTF-8. Then its text can only be compared. */
type Segment = { text: string; exact: boolean };

/** The path's segments for a server that decodes before it splits, as the coordinator's does. So `%2F` separates segments, too. */
function segmentsOf(path: string): Segment[] {
  const segments: Segment[] = [];
  for (const raw of path.split(/\/|%2f/i)) {
    const segment = decoded(raw);
    if (segment.text === "" || segment.text === ".") continue;
    if (segment.text === "..") segments.pop();
    else segments.push(segment);
  }
  return segments;
}

const lenient = new TextDecoder();

/** Undoes percent-encoding once. A `%` that encodes nothing stays, as in most servers. */
function decoded(raw: string): Segment {
  if (!raw.includes("%") && isAscii(raw)) return { text: raw, exact: true };
  try {
    return { text: decodeURIComponent(latin1AsUtf8(raw)), exact: true };
  } catch {
    const bytes = Buffer.from(
      raw.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
      "latin1",
    );
    const text = lenient.decode(bytes);
    return { text, exact: !text.includes("\uFFFD") };
  }
}

function isAscii(text: string): boolean {
  return !/[^\u0000-\u007f]/.test(text);
}

/** Node passes raw bytes above 127 as Latin-1. */
function latin1AsUtf8(raw: string): string {
  return isAscii(raw) ? raw : new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(raw, "latin1"));
}
