import { parseJsonWithin, type JsonLimits } from "../../shared/base/json-scan.ts";
import { ANSWER_BYTES, type Asked } from "./ask.ts";

/** Whose token asks: the caller's, the worker's own, or the one that the worker's own was replaced by. */
export type Bearer = "caller" | "service" | "renewed";

/** What came of asking for one credential. */
export type Verdict =
  /** `value`: what the back end has, as JSON. Undefined: it has none. */
  | { kind: "got"; value: unknown }
  /** The token is not good enough: another one may be. */
  | { kind: "refused"; status: number }
  /** The turn goes without it. */
  | { kind: "unavailable"; why: string };

const ANSWER: JsonLimits & { bytes: number } = { bytes: ANSWER_BYTES, depth: 16, values: 5000 };

/** What an answer means. Only 401 and 403 speak of the token; what else went wrong leaves the turn without this credential, as in the runners that this is compatible with. Pure. */
export function verdictOf(asked: Asked): Verdict {
  if (asked.kind === "failed") return { kind: "unavailable", why: asked.why };
  const { status, body } = asked;
  if (status === 401 || status === 403) return { kind: "refused", status };
  if (status === 404) return { kind: "got", value: undefined };
  if (status !== 200) return { kind: "unavailable", why: `the back end answered ${status}` };
  const value = parseJsonWithin(body, ANSWER);
  return value === undefined
    ? { kind: "unavailable", why: "the answer is no JSON" }
    : { kind: "got", value: value ?? undefined };
}

/** Whose token is tried behind `last`, which was refused; undefined if there is none left. Pure. */
export function nextBearer(
  last: Bearer | undefined,
  has: { caller: boolean; service: boolean },
): Bearer | undefined {
  if (last === undefined && has.caller) return "caller";
  if (!has.service || last === "renewed") return undefined;
  return last === "service" ? "renewed" : "service";
}
