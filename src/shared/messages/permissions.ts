import { sessionToken } from "../log/schema/session-id.ts";
import { DEAD_STREAM, EVENTS_STREAM, STATE_BUCKET, stateKey } from "../log/schema/topology.ts";
import {
  ADMIN_INBOX,
  CONSOLE_INBOX,
  FLOW_PREFIX,
  gatewayInbox,
  HOLDINGS_SUBJECT,
  OPERATOR_INBOX,
  PASSED_SUBJECT,
  PRESENCE_SUBJECT,
  PRUNE_INBOX,
  questionSubject,
  RECEIPT_SUBJECT,
  RELAY_INBOX,
  runnerEvents,
  SERVE_INBOX,
  SESSION_PRUNE_INBOX,
  STATE_SUBJECT,
  TRY_SUBJECT,
  VIEW_SUBJECT,
  TOKENS_INBOX,
  WORKER_INBOX,
} from "../log/schema/subjects.ts";
import {
  LIVE_SUBJECT,
  SESSION_STATE_BUCKET,
  SESSION_STATE_STREAM,
  SESSIONS_STREAM,
} from "../session-log/topology.ts";
import { CALLER_ANSWER_SUBJECT, CALLER_ASK_SUBJECT } from "./caller-token/subjects.ts";
import { TUNNEL_SUBJECT } from "./tunnel/opening.ts";

/** Users of the broker (docs/architecture.md, "Processes and users"). */
export type BrokerRole =
  | "gateway"
  | "relay"
  | "console"
  | "operator"
  | "admin"
  | "prune"
  | "serve"
  | "worker"
  | "session-prune"
  | "tokens";

/** The runner and gateway whose events, questions and frames a gateway's user may publish. */
export type GatewayUser = {
  gateway: string;
  /** Undefined for any runner. No user of the product has that. */
  runner: string | undefined;
};

/** Permissions of one user in the form of nats-server's configuration. */
export type Permissions = { publish: readonly string[]; subscribe: readonly string[] };

const STATE_STREAM = `KV_${STATE_BUCKET}`;
// Single keys are read from the bucket's leader (MSG.GET), because a copy may be behind; pages by direct gets. A consumer of the bucket could be a push consumer, and then the server itself would publish to any subject that its creator chose.
const readState = [
  `$JS.API.STREAM.INFO.${STATE_STREAM}`,
  `$JS.API.STREAM.MSG.GET.${STATE_STREAM}`,
  `$JS.API.DIRECT.GET.${STATE_STREAM}`,
  `$JS.API.DIRECT.GET.${STATE_STREAM}.>`,
];

/**
 * Reading sessions. A copy of the stream may be behind (three servers), so that both streams are also read from their leader: MSG.GET. Not by consumers, for
 * the same reason as above.
 */
const readSessions = [SESSIONS_STREAM, SESSION_STATE_STREAM].flatMap((stream) => [
  `$JS.API.STREAM.INFO.${stream}`,
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}.>`,
]);

/**
 * Looking at sessions without being one of their processes. Of the bucket only the keys that are needed can be read, each by its name: whose sessions there are, which were
 * deleted, which workers run, and whether turns are paused. Its other keys are listed, and none is read.
 */
const lookAtSessions = [
  `$JS.API.STREAM.INFO.${SESSIONS_STREAM}`,
  `$JS.API.DIRECT.GET.${SESSIONS_STREAM}`,
  `$JS.API.DIRECT.GET.${SESSIONS_STREAM}.>`,
  `$JS.API.STREAM.INFO.${SESSION_STATE_STREAM}`,
  ...["index.*.*", "tombstone.*", "lease.root.*", "paused"].map(
    (key) => `$JS.API.DIRECT.GET.${SESSION_STATE_STREAM}.$KV.${SESSION_STATE_BUCKET}.${key}`,
  ),
];

/** All users but the gateways', whose permissions carry their names. */
const PERMISSIONS: Record<Exclude<BrokerRole, "gateway">, Permissions> = {
  relay: {
    publish: [
      "$JS.API.INFO",
      `$JS.API.STREAM.INFO.${EVENTS_STREAM}`,
      `$JS.API.STREAM.INFO.${DEAD_STREAM}`,
      ...["INFO", "MSG.NEXT", "UNPIN", "RESET"].map((verb) => `$JS.API.CONSUMER.${verb}.${EVENTS_STREAM}.*`),
      `$JS.ACK.${EVENTS_STREAM}.>`,
      `$JS.API.STREAM.MSG.GET.${EVENTS_STREAM}`,
      `$JS.API.DIRECT.GET.${EVENTS_STREAM}`,
      `$JS.API.DIRECT.GET.${EVENTS_STREAM}.>`,
      "rr.dead.>",
      // the letters of an event: for its receipt, and so that a repeat stores none twice (ADR 0025)
      `$JS.API.DIRECT.GET.${DEAD_STREAM}`,
      `$JS.API.DIRECT.GET.${DEAD_STREAM}.rr.dead.>`,
      `${STATE_SUBJECT}.>`,
      `${PRESENCE_SUBJECT}.>`,
      "_INBOX_gw.>",
      `${OPERATOR_INBOX}.>`,
      `${CONSOLE_INBOX}.>`,
      `$KV.${STATE_BUCKET}.>`,
      ...readState,
    ],
    subscribe: [`${RELAY_INBOX}.>`, "rr.rpc.> relay", `${FLOW_PREFIX}.>`, `${PRESENCE_SUBJECT}.>`],
  },
  console: {
    publish: [
      ...[EVENTS_STREAM, DEAD_STREAM].flatMap((s) => [
        `$JS.API.STREAM.INFO.${s}`,
        `$JS.API.DIRECT.GET.${s}`,
        `$JS.API.DIRECT.GET.${s}.>`,
      ]),
      `$JS.API.CONSUMER.INFO.${EVENTS_STREAM}.*`,
      `$JS.API.STREAM.MSG.DELETE.${DEAD_STREAM}`,
      "rr.replay.>",
      `${VIEW_SUBJECT}.>`,
      `${TRY_SUBJECT}.>`,
      `$KV.${STATE_BUCKET}.control.>`,
      `$KV.${STATE_BUCKET}.paused`,
      `$KV.${STATE_BUCKET}.${stateKey.removed}`,
      `$KV.${STATE_BUCKET}.dropped.>`,
      ...readState,
      ...lookAtSessions,
      `$KV.${SESSION_STATE_BUCKET}.paused`,
      `$JS.API.STREAM.MSG.GET.${SESSIONS_STREAM}`, // whether its own answer is in the log
      // answers to agents' questions, and turns that end: no turn, no input, no session (ADR 0037)
      "rr.ses.*.in.decision.*",
      "rr.ses.*.in.cancel.*",
    ],
    subscribe: [`${CONSOLE_INBOX}.>`, `${STATE_SUBJECT}.>`],
  },
  operator: {
    publish: [
      "$JS.API.INFO",
      "$JS.API.STREAM.NAMES",
      "$JS.API.STREAM.LIST",
      ...[EVENTS_STREAM, DEAD_STREAM].flatMap((s) => [
        `$JS.API.STREAM.INFO.${s}`,
        `$JS.API.DIRECT.GET.${s}`,
        `$JS.API.DIRECT.GET.${s}.>`,
        `$JS.API.STREAM.MSG.GET.${s}`,
        `$JS.API.CONSUMER.INFO.${s}.*`,
        `$JS.API.CONSUMER.NAMES.${s}`,
        `$JS.API.CONSUMER.LIST.${s}`,
      ]),
      `$JS.API.STREAM.MSG.DELETE.${DEAD_STREAM}`,
      "rr.replay.>",
      RECEIPT_SUBJECT,
      HOLDINGS_SUBJECT,
      `${VIEW_SUBJECT}.>`,
      `${TRY_SUBJECT}.>`,
      `$KV.${STATE_BUCKET}.control.>`,
      `$KV.${STATE_BUCKET}.paused`,
      `$KV.${STATE_BUCKET}.${stateKey.removed}`,
      `$KV.${STATE_BUCKET}.dropped.>`,
      `$KV.${STATE_BUCKET}.replay.>`,
      ...readState,
      ...lookAtSessions,
      `$KV.${SESSION_STATE_BUCKET}.paused`,
      `$JS.API.STREAM.MSG.GET.${SESSIONS_STREAM}`,
    ],
    subscribe: [`${OPERATOR_INBOX}.>`, `${STATE_SUBJECT}.>`],
  },
  admin: {
    // SNAPSHOT: the bytes of a backup or restore (`nats stream backup`)
    publish: ["$JS.API.>", `$KV.${STATE_BUCKET}.>`, "$JS.FC.>", "$JS.SNAPSHOT.>", PASSED_SUBJECT],
    subscribe: [`${ADMIN_INBOX}.>`],
  },
  prune: {
    publish: [
      `$JS.API.STREAM.INFO.${EVENTS_STREAM}`,
      `$JS.API.STREAM.PURGE.${EVENTS_STREAM}`,
      `$KV.${STATE_BUCKET}.${stateKey.pruned}`,
      `$JS.API.STREAM.INFO.${DEAD_STREAM}`,
      `$JS.API.CONSUMER.INFO.${EVENTS_STREAM}.*`,
      `$JS.API.STREAM.MSG.GET.${EVENTS_STREAM}`,
      `$JS.API.DIRECT.GET.${EVENTS_STREAM}`,
      `$JS.API.DIRECT.GET.${EVENTS_STREAM}.>`,
      ...readState,
    ],
    subscribe: [`${PRUNE_INBOX}.>`],
  },
  // what clients want: turns, inputs, decisions
  serve: {
    publish: [
      "rr.ses.*.in.>",
      `$KV.${SESSION_STATE_BUCKET}.index.>`,
      `$KV.${SESSION_STATE_BUCKET}.tombstone.>`,
      `$KV.${SESSION_STATE_BUCKET}.folder.>`,
      `$KV.${SESSION_STATE_BUCKET}.pod.>`,
      `$KV.${SESSION_STATE_BUCKET}.join.>`,
      ...readSessions,
      `${CALLER_ANSWER_SUBJECT}.*`, // tokens of callers, encrypted for the worker that asks
    ],
    subscribe: [`${SERVE_INBOX}.>`, LIVE_SUBJECT, `${CALLER_ASK_SUBJECT}.*`],
  },
  // what agents say, by the worker that has the session's lease
  worker: {
    publish: [
      "rr.ses.*.out.>",
      `$KV.${SESSION_STATE_BUCKET}.lease.>`,
      ...readSessions,
      `${CALLER_ASK_SUBJECT}.*`,
    ],
    subscribe: [`${WORKER_INBOX}.>`, LIVE_SUBJECT, `${CALLER_ANSWER_SUBJECT}.*`],
  },
  "session-prune": {
    publish: [
      `$JS.API.STREAM.PURGE.${SESSIONS_STREAM}`,
      `$KV.${SESSION_STATE_BUCKET}.floor.>`,
      ...readSessions,
    ],
    subscribe: [`${SESSION_PRUNE_INBOX}.>`],
  },
  // what is known of sessions, and no event of any (ADR 0050)
  tokens: {
    publish: [
      `$KV.${SESSION_STATE_BUCKET}.join.>`,
      `$KV.${SESSION_STATE_BUCKET}.token-key.>`,
      `$JS.API.STREAM.INFO.${SESSION_STATE_STREAM}`,
      `$JS.API.STREAM.MSG.GET.${SESSION_STATE_STREAM}`,
      `$JS.API.DIRECT.GET.${SESSION_STATE_STREAM}`,
      `$JS.API.DIRECT.GET.${SESSION_STATE_STREAM}.>`,
    ],
    subscribe: [`${TOKENS_INBOX}.>`],
  },
};

/**
 * The permissions of each user; everything else is denied. A gateway cannot read any event, not even its own. It can only append events of its runner, ask
 * in its own name, and subscribe to its inbox (ADR 0018). Tests try every denied action against a real broker.
 */
export function permissionsOf(role: BrokerRole, user?: GatewayUser): Permissions {
  if (role !== "gateway") return PERMISSIONS[role];
  if (user === undefined) throw new TypeError("a gateway's user needs the name of its gateway");
  const { gateway, runner } = user;
  return {
    publish: [
      runner === undefined ? "rr.ev.>" : runnerEvents(runner),
      questionSubject(TUNNEL_SUBJECT, gateway),
      questionSubject(RECEIPT_SUBJECT, gateway),
      `${FLOW_PREFIX}.*.${sessionToken(gateway)}.>`,
    ],
    subscribe: [`${STATE_SUBJECT}.>`, `${gatewayInbox(gateway)}.>`],
  };
}
