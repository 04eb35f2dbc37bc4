import { randomBytes } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { Command } from "commander";
import { ownCommand } from "../shared/base/own-command.ts";
import { DEFAULT_RATE } from "../operate/replay/pace.ts";
import { readReplay, type LeftOut, type ReplayRecord } from "../operate/replay/record.ts";
import { catchUp, openReplay, previewReplay, runReplay, type ReplayDeps } from "../operate/replay/replay.ts";
import { parseRate, parseSelection, type SelectionText } from "../operate/replay/selection.ts";
import { systemClock } from "../shared/base/clock.ts";
import { codedError } from "../shared/base/errors.ts";
import { counted } from "../shared/base/show.ts";
import { confirm } from "./confirm.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf, many } from "./flags.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { createProgress } from "./progress.ts";
import { renderTable } from "./render/table.ts";

/** Sessions shown to people. `--json` lists all. */
const ROWS = 50;
/** Exit code after Ctrl-C, as in shells. */
const INTERRUPTED = 130;

type Options = SelectionText & { resume?: string; rate?: string; dryRun?: true; yes?: true; json?: true };

export function command(context: Context): Command {
  const self = new Command("replay")
    .description(
      "Sends events from the log to the coordinator again, behind the pending ones, with their original Idempotency-Key and a replay mark.",
    )
    .option("--session <id>", "only events of this session; may be repeated", many)
    .option(
      "--kind <kind>",
      "only this kind: event, bind, metadata or run; may be repeated (default: all but run)",
      many,
    )
    .option("--since <when>", "stored since this ISO time, or since this long ago (30m, 2h, 7d)")
    .option("--until <when>", "stored before this ISO time, or before this long ago")
    .option("--from-seq <n>", "start at this sequence of the log")
    .option("--to-seq <n>", "stop at this sequence")
    .option("--include-binds", "include binds of sessions that have finished since")
    .option("--rate <n/s>", `events per second (default: ${DEFAULT_RATE}/s)`)
    .option("--dry-run", "show what would be sent, without sending it")
    .option("--resume <run>", "resume an interrupted run")
    .option("--yes", "skip the confirmation")
    .option("--json", "print JSON");
  return addFlags(self, CLIENT_TABLE).action(async (options: Options) => {
    const rate = options.rate === undefined ? DEFAULT_RATE : parseRate(options.rate);
    const { resume } = options;
    const selection = resume === undefined ? parseSelection(options, Date.now()) : undefined;
    if (
      resume !== undefined &&
      (["session", "kind", "since", "until", "fromSeq", "toSeq", "includeBinds"] as const).some(
        (it) => options[it] !== undefined,
      )
    )
      throw codedError(
        "usage",
        "--resume keeps the selection of its run and cannot be combined with another",
      );
    const flags = flagsOf(self, CLIENT_TABLE);
    await withBroker({ role: "operator", env: context.env, flags }, async (nc) => {
      const deps = { nc, jsm: await jetstreamManager(nc, { checkAPI: false }), clock: systemClock };
      const record =
        selection === undefined
          ? await catchUp(deps, await readReplay(deps.jsm, resume ?? ""))
          : await openReplay(deps, randomBytes(4).toString("hex"), selection);
      if (options.dryRun) return dryRun(context, deps, record, options);
      if (resume !== undefined && (await readReplay(deps.jsm, resume)).state === "done")
        return context.print(options.json ? JSON.stringify(shown(record)) : `run ${resume} is done`);
      if (!options.yes) {
        const { send, sessions } = await count(deps, record);
        if (send === 0) return nothing(context, record, options);
        const what = `Send ${counted(send, "event")} of ${counted(sessions.size, "session")} again, at ${rate}/s?`;
        await confirm(context, what, undefined);
      }
      await carryOut(context, deps, record, { ...options, rate });
    });
  });
}

async function carryOut(
  context: Context,
  deps: ReplayDeps,
  record: ReplayRecord,
  { rate, json }: { rate: number; json?: true },
): Promise<void> {
  context.mustFinish();
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  process.once("SIGINT", stop); // a second one ends the process at once
  process.once("SIGTERM", stop);
  const progress = createProgress(`replay ${record.run}`, Number.MAX_SAFE_INTEGER);
  let ended = record;
  try {
    ended = await runReplay(deps, record, {
      rate,
      signal: interrupt.signal,
      told(now, left, waitsBecause = "") {
        ended = now;
        progress.total(now.sent + left);
        progress.at(now.sent, waitsBecause);
      },
    });
  } catch (error) {
    context.warn(howToResume(ended));
    throw error;
  } finally {
    progress.end();
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
  if (json) context.print(JSON.stringify(shown(ended)));
  else {
    const how = ended.state === "done" ? "" : ", interrupted";
    context.print(
      `run ${ended.run}: ${counted(ended.sent, "event")} sent again${how}${leftOut(ended.leftOut)}`,
    );
  }
  if (ended.state === "done") return;
  context.warn(howToResume(ended));
  process.exitCode = INTERRUPTED;
}

function howToResume({ run }: ReplayRecord): string {
  return `to continue: ${ownCommand("replay", "--resume", run)}`;
}

function nothing(context: Context, record: ReplayRecord, { json }: Options): void {
  context.print(json ? JSON.stringify(shown({ ...record, state: "done" })) : "nothing to replay");
}

function shown({ run, state, sent, leftOut: left, from, to, startedAt, updatedAt }: ReplayRecord): object {
  return { run, state, sent, leftOut: left, from, to, seconds: (updatedAt - startedAt) / 1000 };
}

type Counts = {
  send: number;
  leftOut: LeftOut;
  sessions: Map<string, Record<string, number>>;
  first?: { seq: number; at: string };
  last?: { seq: number; at: string };
};

async function count(deps: ReplayDeps, record: ReplayRecord): Promise<Counts> {
  const counts: Counts = { send: 0, leftOut: { ...record.leftOut }, sessions: new Map() };
  for await (const { seq, session, kind, time, choice } of previewReplay(deps, record)) {
    if (choice.kind === "leave") counts.leftOut[choice.why]++;
    if (choice.kind !== "send") continue;
    counts.send++;
    const of = counts.sessions.get(session) ?? {};
    counts.sessions.set(session, of);
    of[kind] = (of[kind] ?? 0) + 1;
    const here = { seq, at: time.toISOString() };
    if (counts.first === undefined || seq < counts.first.seq) counts.first = here;
    if (counts.last === undefined || seq > counts.last.seq) counts.last = here;
  }
  return counts;
}

async function dryRun(
  context: Context,
  deps: ReplayDeps,
  record: ReplayRecord,
  { json }: Options,
): Promise<void> {
  const counts = await count(deps, record);
  const { send, sessions, first, last } = counts;
  if (json) {
    const list = Array.from(sessions, ([session, kinds]) => ({ session, ...kinds }));
    return context.print(JSON.stringify({ send, leftOut: counts.leftOut, first, last, sessions: list }));
  }
  if (first === undefined || last === undefined)
    return context.print(`nothing to replay${leftOut(counts.leftOut)}`);
  const kinds = ["bind", "event", "metadata", "run"];
  const rows = Array.from(sessions, ([session, of]) => [
    session,
    ...kinds.map((kind) => String(of[kind] ?? 0)),
  ]);
  context.print(
    renderTable(["SESSION", ...kinds.map((kind) => kind.toUpperCase())], rows.slice(0, ROWS), context.screen),
  );
  if (rows.length > ROWS) context.print(`${rows.length - ROWS} more sessions; use --json for all`);
  context.print(
    `would send ${counted(send, "event")} of ${counted(sessions.size, "session")}, sequences ${first.seq} (${first.at}) to ${last.seq} (${last.at})${leftOut(counts.leftOut)}`,
  );
}

function leftOut({ binds, runReports, dead, waiting, unreadable }: LeftOut): string {
  const parts = [
    ...(binds > 0 ? [`${counted(binds, "bind")} of finished sessions (--include-binds)`] : []),
    ...(runReports > 0 ? [`${counted(runReports, "run report")} (--kind run)`] : []),
    ...(dead > 0 ? [`${counted(dead, "dead letter")} (${ownCommand("dead", "redrive")})`] : []),
    ...(waiting > 0 ? [`${counted(waiting, "event")} that are pending`] : []),
    ...(unreadable > 0 ? [`${counted(unreadable, "event")} that cannot be read`] : []),
  ];
  return parts.length === 0 ? "" : `; left out: ${parts.join(", ")}`;
}
