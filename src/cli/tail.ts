import { jetstreamManager } from "@nats-io/jetstream";
import { Command, Option } from "commander";
import { connectionOf } from "../operate/connection.ts";
import { parseWhen } from "../operate/replay/selection.ts";
import { tail, type TailOptions } from "../operate/tail.ts";
import { tailSessions, type TailSessionsOptions } from "../operate/tail-sessions.ts";
import type { TailStart } from "../operate/tail-start.ts";
import { VERDICTS, type VerdictName } from "../shared/log/state/verdicts.ts";
import { systemClock } from "../shared/base/clock.ts";
import { codedError } from "../shared/base/errors.ts";
import { sessionIdProblem } from "../shared/log/schema/session-id.ts";
import { KINDS, type Kind } from "../shared/log/schema/subjects.ts";
import { wholeNumber } from "./arguments.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { untilInterrupted } from "./interrupt.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { createSessionsView, sessionsJson } from "./render/sessions-tail-view.ts";
import { createTailView, tailJson } from "./render/tail-view.ts";

/** Events shown before new ones by default. */
const LAST = 10;

type Options = {
  sessions?: true;
  session?: string;
  user?: string;
  kind?: Kind;
  runner?: string;
  verdict?: VerdictName;
  since?: string;
  last?: number;
  fromSeq?: number;
  follow: boolean;
  body?: true;
  json?: true;
};

export function command(context: Context): Command {
  const self = new Command("tail")
    .description("Shows the events of the log, decoded, one per line, and follows new ones.")
    .option("--sessions", "the log of agent sessions instead of the events for the coordinator")
    .option("--session <id>", "only events of this session")
    .option("--user <name>", "with --sessions: whose session, if several users have one of this id")
    .addOption(new Option("--kind <kind>", "only events of this kind").choices(KINDS))
    .option("--runner <name>", "only events of this runner (hostname.profile)")
    .addOption(
      new Option(
        "--verdict <verdict>",
        "only events with this outcome; pending events are shown once they are settled",
      ).choices(VERDICTS),
    )
    .option("--since <when>", "start at this ISO time, or this long ago (30m, 2h, 7d)")
    .option("--last <n>", `start with the last n events (default: ${LAST})`, wholeNumber("--last"))
    .option("--from-seq <n>", "start at this sequence of the log", wholeNumber("--from-seq"))
    .option("--no-follow", "stop at the end of the log")
    .option("--body", "print the whole body below each line")
    .option("--json", "print one JSON object per line");
  return addFlags(self, CLIENT_TABLE).action(async (options: Options) => {
    const read = readerOf(context, options, Date.now());
    const access = { role: "operator", env: context.env, flags: flagsOf(self, CLIENT_TABLE) } as const;
    await withBroker(access, async (nc) => {
      const jsm = await jetstreamManager(nc, { checkAPI: false });
      await untilInterrupted(async (signal) => {
        const deps = {
          jsm,
          connection: connectionOf(nc),
          clock: systemClock,
          signal,
          away: (isAway: boolean) =>
            context.warn(isAway ? "log_unreachable: waiting for the broker" : "the broker is back"),
        };
        for await (const line of read(deps)) {
          if (signal.aborted) return;
          context.print(line);
        }
      });
    });
  });
}

type Read = (deps: Parameters<typeof tail>[0]) => AsyncGenerator<string>;

/** The lines that the options ask for. Throws `usage`. */
function readerOf(context: Context, options: Options, now: number): Read {
  const body = options.body ?? false;
  if (options.sessions === true) {
    const view = options.json ? sessionsJson : createSessionsView(context.screen, { body });
    const selected = sessionsSelection(options, now);
    return (deps) => lines(tailSessions(deps, selected), view);
  }
  if (options.user !== undefined) throw codedError("usage", "--user needs --sessions");
  const view = options.json ? tailJson : createTailView(context.screen, { body });
  const selected = selectionOf(options, now);
  return (deps) => lines(tail(deps, selected), view);
}

async function* lines<T>(events: AsyncGenerator<T>, view: (event: T) => string): AsyncGenerator<string> {
  for await (const event of events) yield view(event);
}

/** Throws `usage`. */
function sessionsSelection(options: Options, now: number): TailSessionsOptions {
  const { session, user, follow, kind, runner, verdict } = options;
  if (kind !== undefined || runner !== undefined || verdict !== undefined)
    throw codedError(
      "usage",
      "--kind, --runner and --verdict are for the coordinator's events, without --sessions",
    );
  if (user !== undefined && session === undefined) throw codedError("usage", "--user needs --session");
  checkId(session);
  return {
    ...(session === undefined ? {} : { session }),
    ...(user === undefined ? {} : { user }),
    start: startOf(options, now),
    follow,
  };
}

/** Throws `usage`. */
function checkId(session: string | undefined): void {
  if (session !== undefined && sessionIdProblem(session) !== undefined)
    throw codedError("usage", `--session ${session} is not a valid session id`);
}

/** Throws `usage`. */
function selectionOf(options: Options, now: number): TailOptions {
  const { session, kind, runner, verdict, follow } = options;
  checkId(session);
  return {
    filter: {
      ...(session === undefined ? {} : { session }),
      ...(kind === undefined ? {} : { kind }),
      ...(runner === undefined ? {} : { runner }),
    },
    start: startOf(options, now),
    follow,
    ...(verdict === undefined ? {} : { verdict }),
  };
}

function startOf({ since, last, fromSeq }: Options, now: number): TailStart {
  if ([since, last, fromSeq].filter((it) => it !== undefined).length > 1)
    throw codedError("usage", "--since, --last and --from-seq cannot be combined");
  if (since !== undefined) return { from: "time", at: parseWhen("--since", since, now) };
  if (fromSeq !== undefined) return { from: "sequence", seq: fromSeq };
  return { from: "last", count: last ?? LAST };
}
