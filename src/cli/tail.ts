import { jetstreamManager } from "@nats-io/jetstream";
import { Command, Option } from "commander";
import { connectionOf } from "../operate/connection.ts";
import { parseWhen } from "../operate/replay/selection.ts";
import { tail, type TailOptions } from "../operate/tail.ts";
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
import { createTailView, tailJson } from "./render/tail-view.ts";

/** Events shown before new ones by default. */
const LAST = 10;

type Options = {
  session?: string;
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
    .option("--session <id>", "only events of this session")
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
    const selected = selectionOf(options, Date.now());
    const access = { role: "operator", env: context.env, flags: flagsOf(self, CLIENT_TABLE) } as const;
    await withBroker(access, async (nc) => {
      const jsm = await jetstreamManager(nc, { checkAPI: false });
      const view = options.json ? tailJson : createTailView(context.screen, { body: options.body ?? false });
      await untilInterrupted(async (signal) => {
        const deps = {
          jsm,
          connection: connectionOf(nc),
          clock: systemClock,
          signal,
          away: (isAway: boolean) =>
            context.warn(isAway ? "log_unreachable: waiting for the broker" : "the broker is back"),
        };
        for await (const event of tail(deps, selected)) {
          if (signal.aborted) return;
          context.print(view(event));
        }
      });
    });
  });
}

/** Throws `usage`. */
function selectionOf(options: Options, now: number): TailOptions {
  const { session, kind, runner, verdict, follow } = options;
  if (session !== undefined && sessionIdProblem(session) !== undefined)
    throw codedError("usage", `--session ${session} is not a valid session id`);
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
