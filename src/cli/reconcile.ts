import { randomBytes } from "node:crypto";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { Command } from "commander";
import { ownCommand } from "../shared/base/own-command.ts";
import { reconcile, type Finding } from "../operate/reconcile/reconcile.ts";
import { DEFAULT_RATE } from "../operate/replay/pace.ts";
import { parseRate, parseWhen } from "../operate/replay/selection.ts";
import { createThrottle } from "../operate/replay/throttle.ts";
import { systemClock } from "../shared/base/clock.ts";
import { codedError } from "../shared/base/errors.ts";
import { sessionIdProblem } from "../shared/log/schema/session-id.ts";
import { counted } from "../shared/base/show.ts";
import { EVENTS_STREAM } from "../shared/log/schema/topology.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf, many } from "./flags.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { createProgress } from "./progress.ts";
import { renderTable } from "./render/table.ts";

/** Sessions shown to people. The rest are counted; `--json` lists all. */
const ROWS = 50;
/** Exit code if something is missing and was not sent. */
const MISSING = 3;
const INTERRUPTED = 130;

type Options = { session?: string[]; all?: true; since?: string; send?: true; rate?: string; json?: true };

// oxlint-disable-next-line max-lines-per-function -- declares a command with its options and its action
export function command(context: Context): Command {
  const self = new Command("reconcile")
    .description(
      "Compares the events that were delivered according to the log with what the coordinator holds, and shows what is missing there.",
    )
    .option("--session <id>", "only this session; may be repeated", many)
    .option("--all", "every session of the log")
    .option("--since <when>", "only events stored since this ISO time, or since this long ago (30m, 2h, 7d)")
    .option(
      "--send",
      "send what is missing again with its original Idempotency-Key, behind the pending events",
    )
    .option("--rate <n/s>", `with --send: events per second (default: ${DEFAULT_RATE}/s)`)
    .option("--json", "print one JSON object per session with findings, then a summary");
  return addFlags(self, CLIENT_TABLE).action(async (options: Options) => {
    const { session, all } = options;
    if ((session === undefined) === (all === undefined))
      throw codedError("usage", "give --session ID or --all");
    for (const id of session ?? []) {
      if (sessionIdProblem(id) !== undefined)
        throw codedError("usage", `--session ${id} is not a valid session id`);
    }
    const since = options.since === undefined ? undefined : parseWhen("--since", options.since, Date.now());
    const rate = options.rate === undefined ? DEFAULT_RATE : parseRate(options.rate);
    const flags = flagsOf(self, CLIENT_TABLE);
    await withBroker({ role: "operator", env: context.env, flags }, async (nc) => {
      const jsm = await jetstreamManager(nc, { checkAPI: false });
      const deps = { nc, jsm, clock: systemClock };
      if (options.send) context.mustFinish();
      const interrupt = new AbortController();
      const stop = (): void => interrupt.abort();
      process.once("SIGINT", stop);
      const progress = createProgress("sessions", Number.MAX_SAFE_INTEGER);
      const report = createReport(context, options);
      try {
        const findings = reconcile(deps, {
          sessions: session === undefined ? undefined : [...new Set(session)],
          from: since === undefined ? 1 : await sequenceAt(jsm, since),
          ...(options.send
            ? {
                send: {
                  run: `reconcile-${randomBytes(4).toString("hex")}`,
                  throttle: createThrottle(deps, rate),
                },
              }
            : {}),
          signal: interrupt.signal,
          found: (sessions) => progress.total(sessions),
        });
        let done = 0;
        for await (const finding of findings) {
          report.add(finding);
          progress.at(++done);
        }
      } finally {
        progress.end();
        process.off("SIGINT", stop);
      }
      report.end();
      if (interrupt.signal.aborted) {
        context.warn("interrupted; run the same command again, and nothing is sent twice");
        process.exitCode = INTERRUPTED;
      } else if (report.lacking()) process.exitCode = MISSING;
    });
  });
}

async function sequenceAt(jsm: JetStreamManager, at: number): Promise<number> {
  const found = await jsm.direct.getMessage(EVENTS_STREAM, { start_time: new Date(at) });
  return found?.seq ?? (await jsm.streams.info(EVENTS_STREAM)).state.last_seq + 1;
}

type Totals = {
  sessions: number;
  compared: number;
  missing: number;
  sent: number;
  underWay: number;
  finished: number;
  unknown: number;
  unknownSessions: number;
  /** How many of the missing events belong to sessions that the coordinator does not know. */
  lost: number;
  unavailable: number;
};

function createReport(
  context: Context,
  { send, json }: Options,
): { add(finding: Finding): void; end(): void; lacking(): boolean } {
  const totals: Totals = {
    sessions: 0,
    compared: 0,
    missing: 0,
    sent: 0,
    underWay: 0,
    finished: 0,
    unknown: 0,
    unknownSessions: 0,
    lost: 0,
    unavailable: 0,
  };
  const rows: string[][] = [];
  const lost: string[] = [];
  let more = 0;
  return {
    add(finding) {
      totals.sessions++;
      if (finding.kind === "unknown_session") {
        totals.unknownSessions++;
        totals.lost += finding.missing.length;
        totals.missing += finding.missing.length;
        totals.underWay += finding.underWay.length;
        if (finding.missing.length > 0 && lost.length < ROWS) lost.push(finding.session);
      } else if (finding.kind === "unavailable") totals.unavailable++;
      else {
        totals.compared += finding.compared;
        totals.missing += finding.missing.length;
        totals.sent += finding.sent;
        totals.underWay += finding.underWay.length;
        totals.finished += finding.finished.length;
        totals.unknown += finding.unknown?.count ?? 0;
      }
      if (!isNews(finding)) return;
      if (json) context.print(JSON.stringify(withWayBack(finding)));
      else if (rows.length < ROWS) rows.push(rowOf(finding));
      else more++;
    },
    end() {
      if (json) return context.print(JSON.stringify({ kind: "summary", ...totals }));
      if (rows.length > 0)
        context.print(renderTable(["SESSION", "COMPARED", "MISSING", "SENT", "NOTE"], rows, context.screen));
      if (more > 0) context.print(`${more} more sessions with findings; use --json for all`);
      context.print(summaryOf(totals, send === true));
      if (lost.length > 0) context.print(wayBackOf(lost));
    },
    lacking: () => totals.missing > totals.sent || totals.unavailable > 0,
  };
}

function isNews(finding: Finding): boolean {
  if (finding.kind !== "compared") return true;
  const { missing, underWay, finished, unknown, differs, unreadable } = finding;
  return (
    missing.length + underWay.length + finished.length + differs.length + unreadable > 0 ||
    unknown !== undefined
  );
}

function rowOf(finding: Finding): string[] {
  switch (finding.kind) {
    case "unknown_session": {
      const { session, missing, underWay, unreadable } = finding;
      const notes = [
        "the coordinator does not know the session",
        ...(underWay.length > 0 ? [`${underWay.length} already requeued`] : []),
        ...(unreadable > 0 ? [`${unreadable} cannot be read`] : []),
      ];
      return [session, "-", String(missing.length), "0", notes.join("; ")];
    }
    case "unavailable":
      return [finding.session, "-", "-", "-", finding.reason];
    case "compared": {
      const { session, compared, missing, sent } = finding;
      return [session, String(compared), String(missing.length), String(sent), notesOf(finding).join("; ")];
    }
  }
}

function notesOf({
  missing,
  underWay,
  finished,
  unknown,
  differs,
  unreadable,
  session,
}: Finding & { kind: "compared" }): string[] {
  const [first, last] = [missing[0], missing.at(-1)];
  return [
    ...(first === undefined || last === undefined ? [] : [`sequences ${first.seq} to ${last.seq}`]),
    ...(underWay.length > 0 ? [`${underWay.length} already requeued`] : []),
    ...(finished.length > 0
      ? [`${finished.map(({ kind }) => kind).join(", ")} of a finished session left out`]
      : []),
    ...(unknown === undefined
      ? []
      : [
          `${unknown.count} could not be checked: the coordinator returns only 100 events (replay --session ${session} --from-seq ${unknown.fromSeq} sends them)`,
        ]),
    ...(differs.length > 0 ? [`${differs.join(", ")} changed by someone else`] : []),
    ...(unreadable > 0 ? [`${unreadable} cannot be read`] : []),
  ];
}

function summaryOf(totals: Totals, send: boolean): string {
  const { sessions, compared, missing, lost, sent, underWay, unknown, unknownSessions, unavailable } = totals;
  const others = missing - lost;
  const parts = [
    ...(missing === 0 ? ["nothing is missing"] : []),
    ...(others === 0
      ? []
      : [`${others} missing${send ? `, ${sent} sent again` : " (--send sends them again)"}`]),
    ...(lost === 0 ? [] : [`${lost} missing because the coordinator does not know their session`]),
    ...(underWay > 0 ? [`${underWay} already requeued`] : []),
    ...(unknown > 0 ? [`${unknown} could not be checked`] : []),
    ...(unknownSessions > 0
      ? [`${counted(unknownSessions, "session")} that the coordinator does not know`]
      : []),
    ...(unavailable > 0 ? [`${counted(unavailable, "session")} not compared`] : []),
  ];
  return `${counted(sessions, "session")}, ${counted(compared, "delivery", "deliveries")} compared: ${parts.join("; ")}`;
}

/** The command that restores a session that the coordinator does not know. */
function commandFor(session: string): string {
  return ownCommand("replay", "--session", session, "--include-binds");
}

function withWayBack(finding: Finding): Finding & { wayBack?: string } {
  if (finding.kind !== "unknown_session" || finding.missing.length === 0) return finding;
  return { ...finding, wayBack: commandFor(finding.session) };
}

/** Advice for people. Nothing is sent before the session exists, because the coordinator would refuse every event, and each would become a dead letter. */
function wayBackOf(sessions: readonly string[]): string {
  return [
    "",
    "The coordinator lost these sessions completely, or someone deleted them there. To restore one, first create it there again under",
    "its id (from a backup of the coordinator, or with a new run of it). The command below then sends all its events, its bind first:",
    ...sessions.map((session) => `  ${commandFor(session)}`),
  ].join("\n");
}
