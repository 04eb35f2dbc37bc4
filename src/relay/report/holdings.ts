import type { Msg, NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import {
  digestOf,
  STATE_FIELDS,
  type Holdings,
  type HoldingsQuestion,
} from "../../shared/messages/holdings.ts";
import { parseJsonWithin, QUESTION } from "../../shared/base/json-scan.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { pathSegment, sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { HOLDINGS_SUBJECT, isOperatorInbox } from "../../shared/log/schema/subjects.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import { readLongAnswerObject } from "../coordinator/answer-body.ts";
import { ask } from "../coordinator/ask.ts";
import type { Coordinator } from "../coordinator/client.ts";
import type { AttemptResult } from "../coordinator/verdict.ts";

/** Queue group: each question goes to one of the relays. */
const QUEUE = "relay";
/** Concurrent questions. Each takes one of the connections that events need. */
const MOST_AT_ONCE = 4;
/** Most questions in the queue. Further ones are refused and can be asked again. */
const MOST_WAITING = 64;
/** The coordinator's `GET …/events` never returns more. */
const READ_LIMIT = 100;

type JsonObject = { [name: string]: unknown };

type Read = { kind: "object"; value: JsonObject } | { kind: "other"; holdings: Holdings };

/** Classifies an answer of the coordinator. */
async function read(result: AttemptResult | string): Promise<Read> {
  const unavailable = (reason: string): Read => ({
    kind: "other",
    holdings: { kind: "unavailable", reason },
  });
  if (typeof result === "string") return unavailable(result);
  if (result.kind === "failed") return unavailable(`the coordinator does not answer: ${result.text}`);
  const value = await readLongAnswerObject(result.body);
  // the coordinator's own 404 for the session, as in verdict.ts; any other 404 is an unknown route, or from a server in between
  const detail = value?.["detail"];
  if (result.status === 404 && !result.broken && detail !== undefined && detail !== "Not Found")
    return { kind: "other", holdings: { kind: "unknown_session" } };
  if (result.status !== 200) return unavailable(`the coordinator answers ${result.status}`);
  if (result.broken) return unavailable("the coordinator's answer was cut off, or is longer than 4 MiB");
  return value === undefined
    ? unavailable("the coordinator's answer is not a JSON object, or holds too much")
    : { kind: "object", value };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Computes the holdings from the coordinator's two answers. Pure. */
function holdingsOf(about: JsonObject, listed: JsonObject): Holdings {
  const session = about["session"];
  const events = listed["events"];
  if (!isObject(session) || typeof session["status"] !== "string" || !Array.isArray(events))
    return { kind: "unavailable", reason: "the coordinator's answer has an unexpected form" };
  const fields: (Holdings & { kind: "held" })["fields"] = {};
  for (const name of STATE_FIELDS) {
    const value = session[name];
    if (typeof value === "string") fields[name] = value;
  }
  const digests: string[] = [];
  let last: string | undefined;
  for (const event of events) {
    if (!isObject(event)) continue;
    digests.push(digestOf(event));
    const { timestamp } = event;
    if (typeof timestamp === "string" && (last === undefined || timestamp > last)) last = timestamp;
  }
  return {
    kind: "held",
    status: session["status"],
    fields,
    events: digests,
    ...(last === undefined ? {} : { last }),
    cut: events.length === READ_LIMIT,
  };
}

function sessionOf(msg: Msg): string | undefined {
  const { session } = (parseJsonWithin(msg.data, QUESTION) ?? {}) as Partial<HoldingsQuestion>;
  return typeof session === "string" && sessionIdProblem(session) === undefined ? session : undefined;
}

type AskDeps = { clock: Clock; coordinator: Coordinator; credentials: Credentials };

/** Calls the coordinator, and repeats the call once with a fresh credential if the current one is refused. */
async function get(deps: AskDeps, path: string): Promise<AttemptResult | string> {
  const { credentials } = deps;
  for (let tries = 0; ; tries++) {
    const pass = credentials.current() ?? (await credentials.headers());
    if (pass.kind === "unavailable") return pass.reason;
    const result = await ask(deps, path, pass.headers);
    const refused = result.kind === "response" && (result.status === 401 || result.status === 403);
    if (!refused || tries > 0) return result;
    credentials.refused(pass.generation);
  }
}

async function find(deps: AskDeps, session: string): Promise<Holdings> {
  const path = `/sessions/${pathSegment(session)}`;
  const about = await read(await get(deps, path));
  if (about.kind !== "object") return about.holdings;
  const listed = await read(await get(deps, `${path}/events`));
  if (listed.kind !== "object") {
    const { holdings } = listed;
    if (holdings.kind !== "unknown_session") return holdings;
    return { kind: "unavailable", reason: "the coordinator knows the session, but not its events" };
  }
  return holdingsOf(about.value, listed.value);
}

/**
 * Answers operators what the coordinator holds of a session: digests of its events, not their contents. At most 4 MiB of an answer are read. That
 * is about 50,000 of the shortest events, whose digests fit into one message (750 KB).
 */
export function serveHoldings(deps: {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  coordinator: Coordinator;
  credentials: Credentials;
}): { stop(): void } {
  const { nc, log } = deps;
  const waiting: (() => void)[] = [];
  let underWay = 0;

  async function answer(msg: Msg, session: string): Promise<void> {
    if (underWay >= MOST_AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    underWay++;
    try {
      msg.respond(JSON.stringify(await find(deps, session)));
    } catch (error) {
      log.warn(
        { session, err: errorText(error) },
        "what the coordinator holds of a session could not be determined",
      );
      if (nc.isClosed()) return; // this relay is stopping, and another one can answer the question
      msg.respond(JSON.stringify({ kind: "unavailable", reason: errorText(error) } satisfies Holdings));
    } finally {
      underWay--;
      waiting.shift()?.();
    }
  }

  const subscription = nc.subscribe(HOLDINGS_SUBJECT, {
    queue: QUEUE,
    callback(error: Error | null, msg: Msg) {
      if (error !== null || !isOperatorInbox(msg.reply)) return;
      const session = sessionOf(msg);
      const refusal =
        session === undefined
          ? "no question"
          : waiting.length >= MOST_WAITING
            ? "too many questions at once"
            : undefined;
      if (refusal !== undefined)
        return void msg.respond(JSON.stringify({ kind: "unavailable", reason: refusal } satisfies Holdings));
      void answer(msg, session ?? "");
    },
  });
  return { stop: () => subscription.unsubscribe() };
}
