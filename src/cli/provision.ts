import { Command } from "commander";
import type { StartFrom } from "../shared/log/provision/checkpoints.ts";
import { provision } from "../shared/log/provision/provision.ts";
import { provisionSessions } from "../shared/session-log/provision.ts";
import { damageAdvice, damageText } from "../shared/log/state/damage.ts";
import { ALL_SETTINGS, GATEWAY_SETTINGS, UP_SETTINGS } from "../shared/settings/index.ts";
import { loadSettings } from "../shared/base/config/load.ts";
import { codedError } from "../shared/base/errors.ts";
import { counted, showBytes } from "../shared/base/show.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { hubUrl, leafName, writeLeaf } from "./provision-leaf.ts";
import { startFrom } from "./start-from.ts";

const TABLE = {
  ...CLIENT_TABLE,
  logBytes: { ...UP_SETTINGS.logBytes, flag: "log-bytes" },
  sessionsBytes: { ...UP_SETTINGS.sessionsBytes, flag: "sessions-bytes" },
  duplicateWindow: { ...UP_SETTINGS.duplicateWindow, flag: "duplicate-window" },
  replicas: { ...UP_SETTINGS.replicas, flag: "replicas" },
  shards: { ...UP_SETTINGS.shards, flag: "shards" },
  gateway: GATEWAY_SETTINGS.gateway,
  runner: GATEWAY_SETTINGS.runner,
} as const;

type Options = { from?: StartFrom; leaf?: string; hub?: string; out: string };

/** Options of a log that is made, which `--leaf` does not do. */
const OF_A_LOG = {
  from: "--from",
  logBytes: "--log-bytes",
  sessionsBytes: "--sessions-bytes",
  replicas: "--replicas",
  shards: "--shards",
};

/** Throws `usage` for options that would do nothing: somebody who forgets `--leaf` must not provision another log than was meant. */
function checkTogether(isLeaf: boolean, given: (option: string) => boolean): void {
  if (!isLeaf && (given("hub") || given("out"))) throw codedError("usage", "--hub and --out need --leaf");
  const useless = Object.entries(OF_A_LOG).flatMap(([option, flag]) => (given(option) ? flag : []));
  if (isLeaf && useless.length > 0)
    throw codedError(
      "usage",
      `${useless.join(", ")}: --leaf only writes files; give this to \`provision\` at the host's own server`,
    );
}

export function command(context: Context): Command {
  const self = new Command("provision")
    .description(
      "Creates the log, the dead-letter stream, the state, the consumers and the log of sessions at a broker, or enlarges them.",
    )
    .option(
      "--from <where>",
      "where to resume if it is not known what is settled: first (everything again), new (only new events) or a sequence",
      startFrom,
    )
    .option(
      "--leaf <name>",
      "instead write the files of a nats-server on a host, which keeps that host's log, and of the hub where its relay runs",
      leafName,
    )
    .option("--hub <url>", "with --leaf: where the host's server reaches the hub's", hubUrl)
    .option("--out <folder>", "with --leaf: where the files are written", ".");
  return addFlags(self, TABLE).action(async ({ from, leaf, hub, out }: Options) => {
    const flags = flagsOf(self, TABLE);
    const given = (option: string): boolean => self.getOptionValueSource(option) === "cli";
    checkTogether(leaf !== undefined, given);
    const { values } = loadSettings(TABLE, { env: context.env, flags, known: ALL_SETTINGS });
    if (leaf !== undefined) {
      const { gateway, runner = leaf } = values;
      return writeLeaf(context, { plan: { name: leaf, gateway, runner }, hub, out });
    }
    const { replicas } = values;
    const { events, sessions } = await withBroker({ role: "admin", env: context.env, flags }, async (nc) => {
      const made = await provision(nc, {
        replicas,
        duplicateWindowMs: values.duplicateWindow,
        ...(values.shards === undefined ? {} : { shards: values.shards }),
        ...(values.logBytes === undefined ? {} : { logBytes: values.logBytes }),
        ...(from === undefined ? {} : { from }),
      });
      const sessionsMade = await provisionSessions(nc, {
        replicas,
        isNew: made.isNew,
        ...(values.sessionsBytes === undefined ? {} : { bytes: values.sessionsBytes }),
      });
      return { events: made, sessions: sessionsMade };
    });
    const { limits, stream, damage } = events;
    const changes = [...events.changes, ...(sessions.kind === "there" ? sessions.changes : [])];
    for (const found of damage) context.warn(`${found.code}: ${damageText(found)}. ${damageAdvice(found)}`);
    for (const limit of limits) context.warn(`broker_limited: ${limit}`);
    if (sessions.kind === "absent") context.warn(`sessions_unavailable: ${sessions.why}`);
    for (const change of changes) context.print(change);
    if (changes.length === 0) context.print("everything is in place");
    const copies = counted(stream.replicas, "copy", "copies");
    context.print(`log: ${showBytes(stream.maxBytes)}, ${copies}, created ${stream.created}`);
    if (sessions.kind === "there") context.print(`log of sessions: ${showBytes(sessions.maxBytes)}`);
  });
}
