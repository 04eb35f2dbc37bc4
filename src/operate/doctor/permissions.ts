import {
  headers,
  NoRespondersError,
  RequestError,
  TimeoutError,
  type NatsConnection,
} from "@nats-io/nats-core";
import { violationOf } from "../../shared/base/violation.ts";
import { HOLDINGS_SUBJECT, OPERATOR_INBOX, VIEW_SUBJECT } from "../../shared/log/schema/subjects.ts";
import {
  DEAD_STREAM,
  EVENTS_STREAM,
  STATE_BUCKET,
  STATE_STREAM,
  stateKey,
} from "../../shared/log/schema/topology.ts";
import { fail, ok, type Line } from "../../shared/messages/checks/line.ts";
import { reading, type Reading } from "../../shared/messages/checks/reading.ts";

/** Whether the login has a permission, tried in a way that changes nothing. `deaf`: it may not receive the broker's answers. */
export type PermissionFact = { what: string; outcome: Reading<"allowed" | "denied" | "deaf"> };

/** No stream has this name, and the broker compares it before it stores anything, so the probe is never stored. */
const NO_STREAM = "runner-relay-doctor";
const INVALID = "runner-relay doctor asks nothing";
/** No message has this sequence. Valid JSON is needed, because the broker would log a warning about anything else. */
const DELETES_NOTHING = JSON.stringify({ seq: 0 });

/** `relays`: relays answer this request, and the broker only if it refuses. A relay may hang, so a time-out counts as allowed. */
type Trial = { what: string; subject: string; publish?: true; relays?: true; body?: string };

/** The permissions that an operator's commands need. The requests are invalid on purpose; any answer of the broker means that they were allowed. */
const TRIALS: Trial[] = [
  ...[EVENTS_STREAM, DEAD_STREAM, STATE_STREAM].map((stream) => ({
    what: `read ${stream}`,
    subject: `$JS.API.DIRECT.GET.${stream}`,
  })),
  { what: `ask the leader of ${STATE_STREAM}`, subject: `$JS.API.STREAM.MSG.GET.${STATE_STREAM}` },
  { what: "redrive and replay", subject: "rr.replay.0.doctor.doctor.event", publish: true },
  {
    what: "drop dead letters",
    subject: `$JS.API.STREAM.MSG.DELETE.${DEAD_STREAM}`,
    body: DELETES_NOTHING,
  },
  {
    what: "count removed dead letters",
    subject: `$KV.${STATE_BUCKET}.${stateKey.removed}`,
    publish: true,
  },
  {
    what: "remember dropped events",
    subject: `$KV.${STATE_BUCKET}.${stateKey.dropped("doctor", 0)}`,
    publish: true,
  },
  { what: "pause", subject: `$KV.${STATE_BUCKET}.${stateKey.paused}`, publish: true },
  { what: "pause a session", subject: `$KV.${STATE_BUCKET}.${stateKey.control("doctor")}`, publish: true },
  {
    what: "keep a replay's state",
    subject: `$KV.${STATE_BUCKET}.${stateKey.replay("doctor")}`,
    publish: true,
  },
  { what: "ask relays", subject: HOLDINGS_SUBJECT, relays: true },
  { what: "see why sessions wait", subject: `${VIEW_SUBJECT}.doctor`, relays: true },
];

export async function readPermissions(nc: NatsConnection): Promise<PermissionFact[]> {
  return Promise.all(
    TRIALS.map(async (trial) => ({ what: trial.what, outcome: await reading(() => tryRequest(nc, trial)) })),
  );
}

async function tryRequest(
  nc: NatsConnection,
  { subject, publish, relays, body = INVALID }: Trial,
): Promise<"allowed" | "denied" | "deaf"> {
  const head = headers();
  if (publish === true) head.set("Nats-Expected-Stream", NO_STREAM);
  try {
    await nc.request(subject, body, { timeout: 2500, headers: head });
    return "allowed";
  } catch (error) {
    const cause = error instanceof RequestError ? error.cause : error;
    if (cause instanceof NoRespondersError) return "allowed";
    if (relays === true && error instanceof TimeoutError) return "allowed"; // the check of relays reports that none is running
    const violation = violationOf(error);
    if (violation === undefined) throw error;
    return violation.operation === "subscription" ? "deaf" : "denied";
  }
}

/** True if the login cannot receive any answers, so that no other check can work. Pure. */
export function isDeaf(facts: readonly PermissionFact[]): boolean {
  return facts.some(({ outcome }) => outcome.kind === "read" && outcome.value === "deaf");
}

/** Pure. */
export function judgePermissions(facts: readonly PermissionFact[]): Line {
  const check = "permissions";
  const todo =
    "give this login the operator's permissions (deploy/nats/users.conf), or use another one with NATS_USER";
  if (isDeaf(facts))
    return fail(
      check,
      `this login may not receive answers on ${OPERATOR_INBOX}.>, so it is not an operator's`,
      todo,
    );
  const those = (wanted: string): string =>
    facts
      .filter(({ outcome }) => (outcome.kind === "read" ? outcome.value : "silent") === wanted)
      .map(({ what }) => what)
      .join(", ");
  if (those("denied") !== "") return fail(check, `this login may not: ${those("denied")}`, todo);
  if (those("silent") !== "")
    return fail(check, `no answer to: ${those("silent")}`, "check broker and writes");
  return ok(check, "this login has the operator's permissions");
}
