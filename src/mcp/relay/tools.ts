import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { Type } from "typebox";
import { connectionOf } from "../../operate/connection.ts";
import { deliveriesOf } from "../../operate/deliveries.ts";
import { statusJson } from "../../operate/status-json.ts";
import { readStatus } from "../../operate/status.ts";
import { tail } from "../../operate/tail.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import { deadLetters } from "../../shared/log/state/dead-letters.ts";
import type { Line } from "../../shared/messages/checks/line.ts";
import { failed, toolOf, type Tool } from "../tool.ts";

/** What our own tools read with. */
export type RelayParts = {
  clock: Clock;
  /** Reads at the broker with an operator's login. Throws a coded error. */
  withLog: <T>(read: (nc: NatsConnection, sync: SyncSources) => Promise<T>) => Promise<T>;
  examine: () => Promise<Line[]>;
};

type SyncSources = { configFile?: string; monitor?: string };

/** Most sessions, events or letters in one result, because a model has to read it. */
const MOST_ITEMS = 100;
/** Characters of one event's body that are shown. */
const MOST_BODY = 2000;
const OBJECT = Type.Record(Type.String(), Type.Unknown());
const LIMIT = (fallback: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_ITEMS, default: fallback }));
const SESSION_ID = Type.String({ minLength: 1, description: "Id of a session of the coordinator." });
const DEFAULT_SESSIONS = 10;
const DEFAULT_EVENTS = 20;
const DEFAULT_LETTERS = 50;

/** What the relay can tell of itself. All of them only read. */
export function relayTools(parts: RelayParts): Tool[] {
  return [backlogTool(parts), eventsTool(parts), deadLettersTool(parts), doctorTool(parts)];
}

function backlogTool({ withLog, clock }: RelayParts): Tool {
  return toolOf({
    name: "relay_backlog",
    description:
      "Shows what is still to be delivered to the coordinator: the backlog and its age, relays, log, and the sessions that wait, with the reason.",
    parameters: Type.Object({ sessions: LIMIT(DEFAULT_SESSIONS) }),
    result: OBJECT,
    isList: false,
    effect: "reads",
    run: ({ sessions = DEFAULT_SESSIONS }) =>
      withLog(async (nc, sync) => {
        const status = statusJson(await readStatus(nc, sync, clock));
        const list = status.sessions.list.slice(0, sessions);
        return { kind: "object", value: { ...status, sessions: { ...status.sessions, list } } };
      }),
  });
}

function eventsTool({ withLog, clock }: RelayParts): Tool {
  return toolOf({
    name: "relay_session_events",
    description:
      "Shows the last events of a session in the relay's log, oldest first, each with its delivery state.",
    parameters: Type.Object({ session_id: SESSION_ID, limit: LIMIT(DEFAULT_EVENTS) }),
    result: OBJECT,
    isList: true,
    effect: "reads",
    run: async ({ session_id: session, limit = DEFAULT_EVENTS }, { signal }) => {
      if (sessionIdProblem(session) !== undefined) return failed(`${session} is not a valid session id`);
      return withLog(async (nc) => {
        const jsm = await jetstreamManager(nc, { checkAPI: false });
        const deliveries = new Map(
          (await deliveriesOf({ nc, jsm }, session, limit)).map((it) => [it.receipt.seq, it]),
        );
        const reading = { jsm, connection: connectionOf(nc), clock, signal, away: () => undefined };
        const items: object[] = [];
        const start = { from: "last", count: limit } as const;
        for await (const { seq, envelope } of tail(reading, { filter: { session }, start, follow: false })) {
          const known = deliveries.get(seq);
          if (known !== undefined) items.push({ ...known, body: bodyIn(envelope?.body) });
        }
        return { kind: "list", items };
      });
    },
  });
}

function bodyIn(body: Uint8Array | undefined): string | null {
  if (body === undefined) return null;
  const text = Buffer.from(body).toString("utf8");
  return text.length <= MOST_BODY ? text : `${text.slice(0, MOST_BODY)}… [${text.length} characters]`;
}

function deadLettersTool({ withLog }: RelayParts): Tool {
  return toolOf({
    name: "relay_dead_letters",
    description: "Lists events that the coordinator refused for good, oldest first, with the reason.",
    parameters: Type.Object({ session_id: Type.Optional(SESSION_ID), limit: LIMIT(DEFAULT_LETTERS) }),
    result: OBJECT,
    isList: true,
    effect: "reads",
    run: async ({ session_id: session, limit = DEFAULT_LETTERS }) => {
      if (session !== undefined && sessionIdProblem(session) !== undefined)
        return failed(`${session} is not a valid session id`);
      return withLog(async (nc) => {
        const items: object[] = [];
        for await (const letter of deadLetters(await jetstreamManager(nc, { checkAPI: false }), session)) {
          const { payload, left, ...facts } = letter;
          items.push({ ...facts, bytes: payload.length });
          if (items.length === limit || left === 0) break;
        }
        return { kind: "list", items };
      });
    },
  });
}

function doctorTool({ examine }: RelayParts): Tool {
  return toolOf({
    name: "relay_doctor",
    description:
      "Checks broker, log, relays, coordinator, gateways and sessions server, and says what to do.",
    parameters: Type.Object({}),
    result: Type.Object({
      check: Type.String(),
      level: Type.String(),
      text: Type.String(),
      todo: Type.Optional(Type.String()),
    }),
    isList: true,
    effect: "reads",
    run: async () => ({ kind: "list", items: await examine() }),
  });
}
