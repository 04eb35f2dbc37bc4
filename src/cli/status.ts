import { Command } from "commander";
import { statusJson } from "../operate/status-json.ts";
import { openStatus, readStatus, type StatusReader } from "../operate/status.ts";
import { rest } from "../shared/base/rest.ts";
import { systemClock } from "../shared/base/clock.ts";
import { codedError, isCoded } from "../shared/base/errors.ts";
import { wholeNumber } from "./arguments.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { untilInterrupted } from "./interrupt.ts";
import { brokerError, CLIENT_TABLE, withBroker } from "./operator.ts";
import { renderStatus } from "./render/status-view.ts";

/** Seconds between two readings of `--watch`. */
const WATCH = 2;
/** Sessions shown to people by default. */
const TOP = 10;

type Options = { watch?: number | true; top: number; json?: true };

export function command(context: Context): Command {
  const self = new Command("status")
    .description(
      "Shows the backlog and its age, throughput, the state of relays and coordinator, how full the log is, and what agent sessions do.",
    )
    .option("--watch [seconds]", `refresh until Ctrl-C (default: every ${WATCH} s)`, secondsOf)
    .option(
      "--top <n>",
      "number of the coordinator's sessions to show, largest backlog first",
      wholeNumber("--top"),
      TOP,
    )
    .option("--json", "print one JSON document; with --watch, one per line");
  return addFlags(self, CLIENT_TABLE).action(async ({ watch, top, json }: Options) => {
    const access = { role: "operator", env: context.env, flags: flagsOf(self, CLIENT_TABLE) } as const;
    await withBroker(access, async (nc, sources) => {
      if (watch === undefined) {
        const status = await readStatus(nc, sources, systemClock);
        context.print(
          json
            ? JSON.stringify(statusJson(status), null, 2)
            : renderStatus(status, context.screen, { now: Date.now(), top }),
        );
        return;
      }
      const reader = await openStatus(nc, sources, systemClock);
      const seconds = watch === true ? WATCH : watch;
      try {
        await untilInterrupted((signal) => follow(context, reader, { seconds, top, json, signal }));
      } finally {
        reader.close();
      }
    });
  });
}

/** A broker that is away does not end the watch; the error is shown in place of the status. */
async function follow(
  context: Context,
  reader: StatusReader,
  {
    seconds,
    top,
    json,
    signal,
  }: { seconds: number; top: number; json: true | undefined; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const next = rest(systemClock, seconds * 1000, signal);
    const now = Date.now();
    try {
      const status = await reader.read();
      if (signal.aborted) return;
      if (json) context.print(JSON.stringify(statusJson(status)));
      else context.redraw(renderStatus(status, context.screen, { now, top }));
    } catch (failure) {
      const error = brokerError(failure);
      if (!isCoded(error)) throw error;
      const { code, message } = error;
      if (json) context.print(JSON.stringify({ at: new Date(now).toISOString(), error: { code, message } }));
      else context.redraw(`${new Date(now).toISOString()}  ${code}: ${message}`);
    }
    await next;
  }
}

function secondsOf(text: string): number {
  const n = Number(text);
  if (!(n >= 0.5 && n <= 3600)) throw codedError("usage", `--watch takes 0.5 to 3600 seconds, not ${text}`);
  return n;
}
