import type { NatsConnection } from "@nats-io/nats-core";
import { PermissionViolationError } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import type { BrokerRole } from "../../../src/shared/messages/permissions.ts";
import { inboxOf, startTestBroker } from "../../support/broker.ts";
import { SUBSCRIBE, type Rule } from "./subscribe-rules.ts";

// Written out by hand from docs/architecture.md, "Processes and users", not computed from permissions.ts: who may do what, everything that is not named is denied.

const STREAMS = ["RR_EVENTS", "RR_DEAD", "KV_RR_STATE"] as const;
const CONSUMER = "relay-0";
const SESSION_STREAMS = ["RR_SESSIONS", "KV_RR_SES_STATE"] as const;
const SESSION_ROLES: BrokerRole[] = ["serve", "worker", "session-prune"];
/** The token service reads what is known of sessions, and none of their events. */
const readersOf = (stream: string): BrokerRole[] =>
  stream === "RR_SESSIONS" ? SESSION_ROLES : [...SESSION_ROLES, "tokens"];

const PUBLISH: Rule[] = [
  ["rr.ev.passed", "admin"],
  ["rr.ev.1.runner=2E1.s.event", "gateway"],
  ["rr.ev.63.runner=2E1.other.run", "gateway"],
  ["rr.ev.1.runner-2.s.event"], // another runner's
  ["rr.ev.1.runner=2E12.s.event"],
  ["rr.ev.1.runner.1.event"],
  ["rr.ev.1.s.runner=2E1.event"],
  ["rr.ev.runner=2E1.1.s.event"],
  ["rr.replay.1.r.s.event", "console", "operator"],
  ["rr.dead.id.1.r.s.event", "relay"],
  ["rr.rpc.receipt", "operator"],
  ["rr.rpc.receipt.gw=2E1", "gateway"],
  ["rr.rpc.receipt.gw2"], // in another gateway's name
  ["rr.rpc.receipt.gw=2E1.x"],
  ["rr.rpc.holdings", "operator"],
  ["rr.rpc.holdings.gw=2E1"],
  ["rr.rpc.view.relay-a-00ff", "console", "operator"], // lanes, and why nothing is sent
  ["rr.rpc.try.relay-a-00ff", "console", "operator"],
  ["rr.rpc.view"],
  ["rr.rpc.http"], // older gateways asked there
  ["rr.rpc.http.gw=2E1", "gateway"], // what goes there is done at the coordinator, with the relay's credentials
  ["rr.rpc.http.gw2"],
  ["rr.rpc.other.gw=2E1"],
  ["rr.flow.gw.relay-a.gw=2E1.t.7", "gateway"],
  ["rr.flow.gw.relay-a.gw=2E1.seen.7", "gateway"],
  ["rr.flow.gw.relay-a.gw=2E1.beat.p", "gateway"],
  ["rr.flow.gw.relay-a.gw2.t.7"], // frames of another gateway's exchange
  ["rr.flow.gw.relay-a.gw2.seen.7"],
  ["rr.flow.gw.relay-a.gw2.beat.p"],
  ["rr.flow.gw.relay-a.beat.p"],
  ["rr.flow.gw.relay-a.t.7"],
  ["rr.flow.gw.relay-a.7"],
  ["rr.state.relay-a", "relay"],
  ["rr.presence.relay-a", "relay"],
  ["rr.other"],
  ["other"],
  ["_INBOX.x"],
  ["_INBOX_gw.gw=2E1.x", "relay"],
  ["_INBOX_gw.gw2.x", "relay"],
  ["_INBOX_rl.x"],
  ["_INBOX_op.x", "relay"],
  ["_INBOX_co.x", "relay"],
  ["_INBOX_ad.x"],
  ["_INBOX_pr.x"],
  ["$KV.RR_STATE.checkpoint.0", "relay", "admin"],
  ["$KV.RR_STATE.coordinator", "relay", "admin"],
  ["$KV.RR_STATE.superseded.x", "relay", "admin"],
  ["$KV.RR_STATE.log", "relay", "admin"],
  ["$KV.RR_STATE.pruned", "relay", "admin", "prune"],
  ["$KV.RR_STATE.held.s", "relay", "admin"],
  ["$KV.RR_STATE.control.s", "relay", "console", "operator", "admin"],
  ["$KV.RR_STATE.paused", "relay", "console", "operator", "admin"],
  ["$KV.RR_STATE.removed", "relay", "console", "operator", "admin"],
  ["$KV.RR_STATE.removed.x", "relay", "admin"],
  ["$KV.RR_STATE.dropped.x.1", "relay", "console", "operator", "admin"],
  ["$KV.RR_STATE.dropped", "relay", "admin"],
  ["$KV.RR_STATE.replay.x", "relay", "operator", "admin"],
  ["$KV.OTHER.x"],
  ["rr.ses.s.in.turn.t", "serve"],
  ["rr.ses.s.in.created", "serve"],
  ["rr.ses.s.in.decision.d", "serve", "console"], // it answers and stops, and asks for nothing
  ["rr.ses.s.in.cancel.t", "serve", "console"],
  ["rr.ses.s.in.decision", "serve"],
  ["rr.ses.s.in.input.i", "serve"],
  ["rr.ses.s.out.text", "worker"],
  ["rr.ses.s.out.owner", "worker"],
  ["rr.ses.s.other.text"],
  ["rr.ses.s.in"],
  ["rr.ses.s.out"],
  ["rr.ses.in.out.x", "worker"], // a session by that name
  ["rr.caller.ask.s1", "worker"],
  ["rr.caller.to.w1", "serve"],
  ["rr.caller.other"],
  ["rr.live.s.in.turn.t"], // nobody but the broker says what was stored
  ["rr.live.s.out.text"],
  ["$KV.RR_SES_STATE.index.u.s", "serve"],
  ["$KV.RR_SES_STATE.tombstone.s", "serve"],
  ["$KV.RR_SES_STATE.folder.f", "serve"],
  ["$KV.RR_SES_STATE.lease.s", "worker"],
  ["$KV.RR_SES_STATE.floor.s", "session-prune"],
  ["$KV.RR_SES_STATE.paused", "console", "operator"],
  ["$KV.RR_SES_STATE.pod.p", "serve"],
  ["$KV.RR_SES_STATE.join.j", "serve", "tokens"],
  ["$KV.RR_SES_STATE.token-key.k", "tokens"], // who writes it can make tokens
  ["$KV.RR_SES_STATE.paused.x"],
  ["$KV.RR_SES_STATE.other"],
  ["$JS.ACK.RR_SESSIONS.c.1.1.1.1.0"],
  ["$JS.FC.RR_SESSIONS.c.x", "admin"],
  ["_INBOX_se.x"],
  ["_INBOX_wo.x"],
  ["_INBOX_sp.x"],
  ["_INBOX_to.x"],
  // of the bucket those who only look read single keys; a request without a subject could name any
  ...["index.u.s", "tombstone.s", "lease.root.r", "paused"].map((key): Rule => [
    `$JS.API.DIRECT.GET.KV_RR_SES_STATE.$KV.RR_SES_STATE.${key}`,
    "console",
    "operator",
    "admin",
    ...SESSION_ROLES,
    "tokens",
  ]),
  ...["index.u", "lease.s", "lease.folder.f", "folder.f", "floor.s"].map((key): Rule => [
    `$JS.API.DIRECT.GET.KV_RR_SES_STATE.$KV.RR_SES_STATE.${key}`,
    "admin",
    ...SESSION_ROLES,
    "tokens",
  ]),
  ...SESSION_STREAMS.flatMap((stream): Rule[] => [
    [`$JS.API.STREAM.INFO.${stream}`, "console", "operator", "admin", ...readersOf(stream)],
    [
      `$JS.API.STREAM.MSG.GET.${stream}`,
      ...(stream === "RR_SESSIONS" ? (["console", "operator"] as const) : []),
      "admin",
      ...readersOf(stream),
    ],
    ...[`DIRECT.GET.${stream}`, `DIRECT.GET.${stream}.rr.ses.s.out.text`].map((subject): Rule => [
      `$JS.API.${subject}`,
      ...(stream === "RR_SESSIONS" ? (["console", "operator"] as const) : []),
      "admin",
      ...readersOf(stream),
    ]),
    [
      `$JS.API.STREAM.PURGE.${stream}`,
      "admin",
      ...(stream === "RR_SESSIONS" ? (["session-prune"] as const) : []),
    ],
    ...[
      ...["CREATE", "UPDATE", "DELETE", "MSG.DELETE", "SNAPSHOT", "RESTORE", "PEER.REMOVE"].map(
        (verb) => `STREAM.${verb}.${stream}`,
      ),
      `STREAM.LEADER.STEPDOWN.${stream}`,
      ...["NAMES", "LIST", "CREATE"].map((verb) => `CONSUMER.${verb}.${stream}`),
      ...["INFO", "CREATE", "DURABLE.CREATE", "DELETE", "MSG.NEXT", "PAUSE"].map(
        (verb) => `CONSUMER.${verb}.${stream}.c`,
      ),
    ].map((subject): Rule => [`$JS.API.${subject}`, "admin"]),
  ]),
  ["$JS.ACK.RR_EVENTS.relay-0.1.1.1.1.0", "relay"],
  ["$JS.ACK.RR_DEAD.c.1.1.1.1.0"],
  ["$JS.ACK.KV_RR_STATE.c.1.1.1.1.0"],
  ["$JS.FC.KV_RR_STATE.c.x", "admin"],
  ["$JS.SNAPSHOT.RESTORE.RR_EVENTS.x", "admin"],
  ["$JS.SNAPSHOT.ACK.RR_EVENTS.x", "admin"],
  ["$SYS.REQ.SERVER.PING"],
  ["$SYS.REQ.ACCOUNT.PING.CONNZ"],
  ["$JS.API.INFO", "relay", "operator", "admin"],
  ["$JS.API.STREAM.NAMES", "operator", "admin"],
  ["$JS.API.STREAM.LIST", "operator", "admin"],
  ["$JS.API.STREAM.CREATE.OTHER", "admin"],
  ["$JS.API.META.LEADER.STEPDOWN", "admin"],
  ...STREAMS.flatMap((stream): Rule[] => {
    const log = stream === "RR_EVENTS";
    const dead = stream === "RR_DEAD";
    const read: BrokerRole[] = dead
      ? ["relay", "console", "operator", "admin"]
      : ["relay", "console", "operator", "admin", "prune"];
    return [
      [`$JS.API.STREAM.INFO.${stream}`, ...new Set<BrokerRole>([...read, "prune"])],
      [`$JS.API.DIRECT.GET.${stream}`, ...read],
      [`$JS.API.DIRECT.GET.${stream}.rr.dead.id.1.r.s.event`, ...read],
      // of a relay there is nothing else in that stream that it writes
      [`$JS.API.DIRECT.GET.${stream}.rr.ev.1.r.s.event`, ...read.filter((role) => !dead || role !== "relay")],
      // the leader's word, by those who decide on it (ADR 0055): of the log the relay and prune, of the bucket all who read it
      [
        `$JS.API.STREAM.MSG.GET.${stream}`,
        ...(dead ? [] : (["relay", "prune"] as const)),
        ...(log || dead ? [] : (["console"] as const)),
        "operator",
        "admin",
      ],
      [`$JS.API.STREAM.MSG.DELETE.${stream}`, ...(dead ? (["console", "operator"] as const) : []), "admin"],
      [`$JS.API.STREAM.PURGE.${stream}`, ...(log ? (["prune"] as const) : []), "admin"],
      ...["CREATE", "UPDATE", "DELETE", "SNAPSHOT", "RESTORE", "PEER.REMOVE", "LEADER.STEPDOWN"].map(
        (verb): Rule => [`$JS.API.STREAM.${verb}.${stream}`, "admin"],
      ),
      ...["NAMES", "LIST"].map((verb): Rule => [
        `$JS.API.CONSUMER.${verb}.${stream}`,
        ...(log || dead ? (["operator"] as const) : []),
        "admin",
      ]),
      [
        `$JS.API.CONSUMER.INFO.${stream}.${CONSUMER}`,
        ...(log ? (["relay", "console", "prune"] as const) : []),
        ...(log || dead ? (["operator"] as const) : []),
        "admin",
      ],
      ...["MSG.NEXT", "UNPIN", "RESET"].map((verb): Rule => [
        `$JS.API.CONSUMER.${verb}.${stream}.${CONSUMER}`,
        ...(log ? (["relay"] as const) : []),
        "admin",
      ]),
      ...["CREATE", "DURABLE.CREATE", "DELETE", "PAUSE", "LEADER.STEPDOWN"].map((verb): Rule => [
        `$JS.API.CONSUMER.${verb}.${stream}.${CONSUMER}`,
        "admin",
      ]),
      // without a name: an ephemeral one, whose deliver subject would be published to by the server itself
      [`$JS.API.CONSUMER.CREATE.${stream}`, "admin"],
      [`$JS.API.CONSUMER.CREATE.${stream}.${CONSUMER}.rr.ev.>`, "admin"],
    ];
  }),
];

/** Names that have to be encoded: a dot must open nothing. */
const GATEWAY = { gateway: "gw.1", runner: "runner.1" };

const ROLES: BrokerRole[] = [
  "gateway",
  "relay",
  "console",
  "operator",
  "admin",
  "prune",
  ...SESSION_ROLES,
  "tokens",
];
const allowed = (rules: readonly Rule[], role: BrokerRole): string[] =>
  rules.filter(([, ...roles]) => roles.includes(role)).map(([subject]) => subject);

/** Subjects that the server refused, told by the connection's status. */
function watchRefusals(nc: NatsConnection): Set<string> {
  const refused = new Set<string>();
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type !== "error" || !(status.error instanceof PermissionViolationError)) continue;
      const { subject, queue } = status.error;
      refused.add(queue ? `${subject} ${queue}` : subject);
    }
  })();
  return refused;
}

test.each(ROLES)("%s publishes what it may and nothing else", async (role) => {
  await using broker = await startTestBroker({ gateways: [GATEWAY] });
  const nc = await broker.connect(role, GATEWAY.gateway);
  const refused = watchRefusals(nc);
  const reply = `${inboxOf(role, GATEWAY.gateway)}.nobody`;
  for (const [subject] of PUBLISH) nc.publish(subject, "{}", { reply });
  const expected = PUBLISH.length - allowed(PUBLISH, role).length;
  await nc.flush(); // the refusals came before its answer
  await expect.poll(() => refused.size).toBeGreaterThanOrEqual(expected);
  expect(PUBLISH.map(([subject]) => subject).filter((subject) => !refused.has(subject))).toEqual(
    allowed(PUBLISH, role),
  );
});

test.each(ROLES)("%s subscribes to what it may and nothing else", async (role) => {
  await using broker = await startTestBroker({ gateways: [GATEWAY] });
  const nc = await broker.connect(role, GATEWAY.gateway);
  const refused = watchRefusals(nc);
  for (const [rule] of SUBSCRIBE) {
    const [subject = "", queue] = rule.split(" ");
    nc.subscribe(subject, { callback: () => undefined, ...(queue === undefined ? {} : { queue }) });
  }
  const expected = SUBSCRIBE.length - allowed(SUBSCRIBE, role).length;
  await nc.flush();
  await expect.poll(() => refused.size).toBeGreaterThanOrEqual(expected);
  expect(SUBSCRIBE.map(([subject]) => subject).filter((subject) => !refused.has(subject))).toEqual(
    allowed(SUBSCRIBE, role),
  );
});
