import { permissionsOf, type BrokerRole, type Permissions } from "../shared/messages/permissions.ts";
import {
  ADMIN_INBOX,
  CONSOLE_INBOX,
  FLOW_PREFIX,
  OPERATOR_INBOX,
  PRUNE_INBOX,
  RELAY_INBOX,
  STATE_SUBJECT,
} from "../shared/log/schema/subjects.ts";
import { passwordVariable, usersText, type DeployedUser } from "./deployed-users.ts";
import { SINGLE_ROLES } from "./users.ts";

/** A host with a log of its own, whose relay runs at a hub (ADR 0057). */
export type LeafPlan = {
  /** Of the host: its JetStream domain, and its account at the hub. {@link isLeafName}. */
  name: string;
  /** The gateway on the host, and the runner whose events it may append. */
  gateway: string;
  runner: string;
};

/** A file to deploy, at a path below the chosen folder. */
export type DeployedFile = {
  path: string;
  text: string;
  /** People change it: what is there stays. */
  edited?: true;
};

/** The folder with a file for each host's account. */
export const HUB_ACCOUNTS = "hub/accounts";
/** The folder with a file for each log that the relay process of the hub serves. */
const HUB_LOGS = "hub/logs";

/** The users that an account at the hub has: those who work with the log, and none that writes events. */
const AT_HUB = ["relay", "console", "operator", "admin", "prune"] as const satisfies readonly BrokerRole[];

/** How a name may look, so that it is a domain, a token of a subject, a folder and, in capitals, the beginning of a variable; two names never give the same. Pure. */
export function isLeafName(text: string): boolean {
  return /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(text) && text.length <= 32 && text !== "hub";
}

/** The subject by which a user at the hub reaches the JetStream of a leaf. The hub's server checks permissions behind its mappings, so they must name these. Pure. */
function subjectAtHub(domain: string, subject: string): string {
  if (subject.startsWith("$JS.API.")) return `$JS.${domain}.API.${subject.slice("$JS.API.".length)}`;
  return subject.startsWith("$KV.") ? `$JS.${domain}.API.${subject}` : subject;
}

/** The files for the host's server and for the hub's. `hosts`: all that the hub has, this one among them. No file has a secret. Pure. */
export function leafFiles(plan: LeafPlan, hosts: readonly string[]): DeployedFile[] {
  const { name } = plan;
  return [
    { path: `${name}/nats-server.conf`, text: leafServer(plan), edited: true },
    { path: `${name}/users.conf`, text: hostUsers(plan) },
    { path: "hub/nats-server.conf", text: hubServer(), edited: true },
    { path: "hub/accounts.conf", text: hubAccounts(hosts) },
    { path: `${HUB_ACCOUNTS}/${name}.conf`, text: hubAccount(plan) },
  ];
}

/** Names of the variables with the passwords that each server needs in its environment, and of those by which the host's server and its relay log in at the hub. Pure. */
export function leafVariables({ name }: LeafPlan): {
  host: string[];
  hub: string[];
  link: string;
  relay: string;
} {
  const link = passwordVariable(`${name}-link`);
  return {
    host: ["GATEWAY_PASSWORD", ...SINGLE_ROLES.map(passwordVariable)],
    hub: [...AT_HUB.map((role) => passwordVariable(`${name}-${role}`)), link],
    link,
    relay: passwordVariable(`${name}-relay`),
  };
}

/** The file by which a relay process at the hub serves this log besides others (`RUNNER_RELAY_LOGS`). It has a secret. Pure. */
export function logOfHub({ name }: Pick<LeafPlan, "name">, password: string): DeployedFile {
  return {
    path: `${HUB_LOGS}/${name}.env`,
    text: `# The log of the host ${name}, for \`runner-relay relay --logs\`. Written by \`runner-relay provision --leaf ${name}\`.
NATS_USER=${name}-relay
NATS_PASSWORD=${password}
`,
  };
}

/** `users.conf` of a server that has the log itself, with one gateway. Pure. */
export function hostUsers({ gateway, runner }: Pick<LeafPlan, "gateway" | "runner">): string {
  const users: DeployedUser[] = [
    {
      name: `gateway-${gateway}`,
      variable: "GATEWAY_PASSWORD",
      permissions: permissionsOf("gateway", { gateway, runner }),
    },
    ...SINGLE_ROLES.map((role) => ({
      name: role,
      variable: passwordVariable(role),
      permissions: permissionsOf(role),
    })),
  ];
  return `# Users of the broker, one per role (docs/architecture.md, "Processes and users"), with what src/shared/messages/permissions.ts allows them.
# Passwords come from nats-server's environment and must begin with a letter. A gateway's user may speak for its own gateway
# (RUNNER_RELAY_GATEWAY, here ${gateway}) and its own runner (RUNNER_RELAY_RUNNER, here ${runner}) only. For a second gateway copy the first
# user: another name, another password, and its own gateway and runner in each subject.
authorization {
${usersText(users, "  ")}}
`;
}

function leafServer({ name }: LeafPlan): string {
  return `# The nats-server of the host ${name}, with the host's own log: a leaf of the hub, where the relay runs (docs/operations/leaves.md).
# Written by \`runner-relay provision --leaf ${name}\`.
#
# The users come first: a reader that checks whether the server syncs (HONEST-1) trusts nothing that a later include could change.
include "users.conf"

server_name: "${name}"
listen: "127.0.0.1:4222"
http: "127.0.0.1:8222" # /jsz?config=1 tells the gateway that every write is synced
max_payload: 8MB
# a link that is cut without a word is noticed after 10 s, not after minutes
ping_interval: "5s"
ping_max: 1
lame_duck_grace_period: "1s"
lame_duck_duration: "30s"

jetstream {
  store_dir: /data
  domain: "${name}" # the hub's name for this JetStream
  sync_interval: always # an acknowledged event is on disk (DURABLE-1); the default syncs every two minutes
}

leafnodes {
  reconnect: "1s"
  remotes: [
    {
      url: $HUB_URL # tls://${name}-link:PASSWORD@hub.example:7422
      ignore_discovered_servers: true # the hub is where this says, and not where its servers say they are
    }
  ]
}
`;
}

function hubServer(): string {
  return `# The nats-server of a hub: hosts that have a log each connect to it as leaves, and the relays and operators of these logs connect here
# (docs/operations/leaves.md). It stores nothing, so it needs no disk, and it may be killed at any time. Written by \`runner-relay provision --leaf\`.
include "accounts.conf"

server_name: hub
port: 4222
http: "127.0.0.1:8222"
max_payload: 8MB # as at the hosts
# a link that is cut without a word is noticed after 10 s, not after minutes
ping_interval: "5s"
ping_max: 1
lame_duck_grace_period: "1s"
lame_duck_duration: "30s"

leafnodes {
  port: 7422
  # tls { cert_file: "…", key_file: "…" } # wherever others can read the network
}
`;
}

function hubAccounts(hosts: readonly string[]): string {
  const includes = [...hosts].sort().map((name) => `  include "accounts/${name}.conf"\n`);
  return `# The account of each host. Written by \`runner-relay provision --leaf\`.\naccounts {\n${includes.join("")}}\n`;
}

function hubAccount({ name }: LeafPlan): string {
  const user = (role: string, permissions: Permissions): DeployedUser => ({
    name: `${name}-${role}`,
    variable: passwordVariable(`${name}-${role}`),
    permissions,
  });
  const users = [
    ...AT_HUB.map((role) => user(role, atHub(name, permissionsOf(role)))),
    user("link", linkOf(name)),
  ];
  return `# The account of the host ${name} at the hub, whose log lies on that host (docs/operations/leaves.md). Written by
# \`runner-relay provision --leaf ${name}\`. Each host has an account: relays of two logs in one account would take each other for relays of
# the same log.
${name} {
  # What clients ask of JetStream goes to the JetStream of that host. Permissions are checked behind this, so they name its domain.
  mappings: {
    "$JS.API.>": "$JS.${name}.API.>"
    "$KV.>": "$JS.${name}.API.$KV.>"
  }
${usersText(users, "  ")}}
`;
}

/** What the host's server may say at the hub, and hear there: its gateway's words and its log's answers, and nothing that works with the log. */
function linkOf(domain: string): Permissions {
  const inboxes = [RELAY_INBOX, CONSOLE_INBOX, OPERATOR_INBOX, ADMIN_INBOX, PRUNE_INBOX];
  return {
    publish: ["rr.rpc.>", `${FLOW_PREFIX}.>`, ...inboxes.map((inbox) => `${inbox}.>`)],
    subscribe: [
      `$JS.${domain}.API.>`,
      "$JS.ACK.>",
      "rr.ev.>",
      "rr.dead.>",
      "rr.replay.>",
      "rr.ses.>",
      `${STATE_SUBJECT}.>`,
      "_INBOX_gw.>",
    ],
  };
}

function atHub(domain: string, { publish, subscribe }: Permissions): Permissions {
  return { publish: publish.map((subject) => subjectAtHub(domain, subject)), subscribe };
}
