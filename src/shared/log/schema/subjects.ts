import { partitionOf } from "./partition.ts";
import { sessionToken, textOfToken } from "./session-id.ts";

/** What a durable write is; the last token of its subject. */
export const KINDS = ["bind", "event", "metadata", "run"] as const;
export type Kind = (typeof KINDS)[number];

/** `ev` was accepted from an executor, `replay` was put in again by an operator (redrive, replay, reconcile). */
export type Origin = "ev" | "replay";

/** Everything that the subject of an event tells. */
export type EventAddress = { origin: Origin; partition: number; runner: string; session: string; kind: Kind };

/** `rr.ev.<partition>.<runner>.<session>.<kind>` (docs/architecture.md, "The log"). */
export function eventSubject(
  runner: string,
  session: string,
  kind: Kind,
  shardCount: number,
  origin: Origin = "ev",
): string {
  return `rr.${origin}.${partitionOf(session, shardCount)}.${sessionToken(runner)}.${sessionToken(session)}.${kind}`;
}

/** All events of a runner. */
export function runnerEvents(runner: string): string {
  return `rr.ev.*.${sessionToken(runner)}.>`;
}

/** Name of a gateway's runner in subjects, by default hostname and profile. */
export function runnerName(of: { runner: string | undefined; hostname: string; profile: string }): string {
  return of.runner ?? `${of.hostname}.${of.profile}`;
}

/** `rr.dead.<event_id>.<partition>.<runner>.<session>.<kind>`: the id comes first, so that one direct get answers a receipt. */
export function deadSubject(
  eventId: string,
  runner: string,
  session: string,
  kind: Kind,
  shardCount: number,
): string {
  return `rr.dead.${eventId}.${partitionOf(session, shardCount)}.${sessionToken(runner)}.${sessionToken(session)}.${kind}`;
}

/** Reads an event's subject back; undefined if it is none. */
export function parseEventSubject(subject: string): EventAddress | undefined {
  const [root, origin, partition, runner, session, kind, ...rest] = subject.split(".");
  if (root !== "rr" || (origin !== "ev" && origin !== "replay") || rest.length > 0) return undefined;
  if (!partition || !runner || !session || !isKind(kind)) return undefined;
  try {
    return {
      origin,
      partition: Number(partition.split("-").at(-1)),
      runner: textOfToken(runner),
      session: textOfToken(session),
      kind,
    };
  } catch {
    return undefined; // any client may publish anything
  }
}

/**
 * Subject filter for a whole stream. With each page the broker counts what follows, and this one it need not compare with every subject: from the
 * middle of a million events of 50,000 sessions, 20,000 are read in 0.4 s; with `rr.>` in 1.7 s, with `rr.*.*.*.*.*` in 3.3 s.
 */
export const EVERYTHING = ">";

/** Subject filter for everything of one session, live and replayed. */
export function sessionFilter(session: string, shardCount: number): string {
  return `rr.*.${partitionOf(session, shardCount)}.*.${sessionToken(session)}.*`;
}

export function isKind(text: string | undefined): text is Kind {
  return KINDS.some((kind) => kind === text);
}

/** Of messages that only take numbers, so that a lost event's never comes again (mend.ts). No consumer reads them, and they are removed again. */
export const PASSED_SUBJECT = "rr.ev.passed";

/** Subjects between gateways and relays. */
export const STATE_SUBJECT = "rr.state";
export const RECEIPT_SUBJECT = "rr.rpc.receipt";
export const HOLDINGS_SUBJECT = "rr.rpc.holdings";
/** The console and operators ask each relay by the name of its process, as `relayToken` makes it. */
export const VIEW_SUBJECT = "rr.rpc.view";
/** The same way they are asked not to wait for the next try. */
export const TRY_SUBJECT = "rr.rpc.try";
export const FLOW_PREFIX = "rr.flow.gw";
/** Relays tell each other of their presence here, to balance the shards. */
export const PRESENCE_SUBJECT = "rr.presence";
/** Inbox of one gateway: its broker user may subscribe nothing else of this kind. */
export function gatewayInbox(gateway: string): string {
  return `_INBOX_gw.${sessionToken(gateway)}`;
}
/** The subject of a gateway's questions. Only its own broker user may publish there, so that a relay knows from the subject which gateway asks. */
export function questionSubject(question: string, gateway: string): string {
  return `${question}.${sessionToken(gateway)}`;
}
/** Where a gateway process hears the answers to its events. The runner is in it: {@link isAnswerTo}. */
export function answerInbox(gateway: string, runner: string, token: string): string {
  return `${gatewayInbox(gateway)}.${sessionToken(runner)}.${token}.answer`;
}
export const RELAY_INBOX = "_INBOX_rl";
export const ADMIN_INBOX = "_INBOX_ad";
export const OPERATOR_INBOX = "_INBOX_op";
export const PRUNE_INBOX = "_INBOX_pr";
export const CONSOLE_INBOX = "_INBOX_co";
export const SERVE_INBOX = "_INBOX_se";
export const WORKER_INBOX = "_INBOX_wo";
export const TOKENS_INBOX = "_INBOX_to";
export const SESSION_PRUNE_INBOX = "_INBOX_sp";

/**
 * Inbox of an operator: may a relay answer there? The broker checks what is published, not what it asks to be answered to, and a relay may publish what a gateway or
 * an operator may not (the pause of everything, checkpoints): it answers only into inboxes of roles that may ask. Pure.
 */
export function isOperatorInbox(subject: string | undefined): subject is string {
  return subject !== undefined && /^_INBOX_op(?:\.[\w=-]+)+$/.test(subject);
}

/** The same for the console. Pure. */
export function isConsoleInbox(subject: string | undefined): subject is string {
  return subject !== undefined && /^_INBOX_co(?:\.[\w=-]+)+$/.test(subject);
}

/** Token of the gateway that listens there; undefined for what is no gateway's inbox. Pure. */
export function inboxOwner(subject: string | undefined): string | undefined {
  return subject === undefined ? undefined : /^_INBOX_gw\.([\w=-]+)(?:\.[\w=-]+)+$/.exec(subject)?.[1];
}

/**
 * Token of the gateway that asks `question`; undefined if the answer would go elsewhere. The subject names the gateway that asks, which the
 * broker lets that gateway alone publish. Gateways of before ADR 0018 ask on the bare subject, which only users of before may publish. Pure.
 */
export function askingGateway(
  question: string,
  subject: string,
  reply: string | undefined,
): string | undefined {
  const owner = inboxOwner(reply);
  if (owner === undefined) return undefined;
  return subject === question || subject === `${question}.${owner}` ? owner : undefined;
}

/**
 * May the answer to event `id`, which lies in the log under `subject`, go there? The broker lets a gateway publish the events of its own
 * runner only, so that an inbox of this runner is its own. In the second form, of before ADR 0018, no gateway of today listens. Pure.
 */
export function isAnswerTo(answer: string, subject: string, id: string): boolean {
  if (inboxOwner(answer) === undefined) return false;
  const [, , runner = "", ...rest] = answer.split(".");
  if (rest.length === 3) return runner === subject.split(".")[3] && rest[1] === "answer" && rest[2] === id;
  return rest.length === 2 && /^[a-z0-9]{16}$/.test(runner) && rest[0] === "answer" && rest[1] === id;
}
