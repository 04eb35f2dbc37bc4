import { Command } from "commander";
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

/** Between two readings of `--watch`, seconds. */
const WATCH = 2;
/** Sessions shown to people when nobody says how many. */
const TOP = 10;

type Options = { watch?: number | true; top: number; json?: true };

export function command(context: Context): Command {
  const self = new Command("status")
    .description(
      "Shows what waits and since when, how fast it goes, how relays and coordinator are, and how full the log is.",
    )
    .option("--watch [seconds]", `again and again, until Ctrl-C (default: every ${WATCH} s)`, secondsOf)
    .option("--top <n>", "sessions shown, those with most waiting first", wholeNumber("--top"), TOP)
    .option("--json", "for programs: one document, with --watch one a line");
  return addFlags(self, CLIENT_TABLE).action(async ({ watch, top, json }: Options) => {
    const access = { role: "operator", env: context.env, flags: flagsOf(self, CLIENT_TABLE) } as const;
    await withBroker(access, async (nc, sources) => {
      if (watch === undefined) {
        const status = await readStatus(nc, sources, systemClock);
        context.print(
          json
            ? JSON.stringify(status, null, 2)
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

/** A broker that is away for a while ends no watch: it is said in the place of the status. */
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
      if (json) context.print(JSON.stringify(status));
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
