import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { Command } from "commander";
import { overtaken, planRedrive, type RedrivePlan } from "../shared/log/state/redrive-plan.ts";
import {
  deadLetters,
  deadLettersOf,
  readDeadLetter,
  type DeadLetter,
} from "../shared/log/state/dead-letters.ts";
import { dropDeadLetters } from "../shared/log/state/drop.ts";
import { redriveAll } from "../shared/log/state/redrive.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import { counted } from "../shared/base/show.ts";
import { readStopped } from "../operate/stopped-sessions.ts";
import { confirm } from "./confirm.ts";
import {
  addWhich,
  checkChosen,
  chosenLetters,
  matcherOf,
  noLetter,
  noneOf,
  type Chosen,
  type Which,
} from "./dead-choice.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { createProgress } from "./progress.ts";
import { readableEnvelope } from "./readable.ts";
import { renderTable } from "./render/table.ts";

/** Rows shown to people by default: more than a screen, less than a flood. */
const ROWS = 50;
/** More result lines than this do not help at a terminal. `--dry-run` lists them all. */
const MOST_LINES = 20;

function exampleOf(words: string): string {
  return `\nExample:\n  runner-relay dead ${words}`;
}

type ListOptions = Which & { limit?: number; json?: true };
type Options = Chosen & { dryRun?: true; yes?: true; json?: true };

// oxlint-disable-next-line max-lines-per-function -- declares four subcommands, each with its options and its action
export function command(context: Context): Command {
  const dead = new Command("dead").description(
    "Dead letters: events that the coordinator refused, with the reason.",
  );
  const ls = new Command("ls")
    .description("Lists dead letters, oldest first.")
    .option("--limit <n>", `show at most n (default: ${ROWS}; with --json, all)`, countOf)
    .option("--json", "print one JSON object per line")
    .addHelpText("after", exampleOf("ls --session ses_1"));
  addWhich(ls);
  const show = new Command("show")
    .description("Shows a dead letter with its event, as JSON.")
    .argument("<event-id>")
    .option("--json", "accepted for consistency; the output is always JSON")
    .addHelpText("after", exampleOf("show 2b8edaxf5dzeb5r9-0"));
  const again = new Command("redrive")
    .description(
      "Requeues dead letters and removes them from this list. They are sent after all other events of their session; several of one session keep their order.",
    )
    .argument("[event-id]")
    .option("--all", "all dead letters")
    .option("--dry-run", "show what would be sent, without sending it")
    .option("--yes", "skip the confirmation when later events were already delivered")
    .option("--json", "print one JSON object per event")
    .addHelpText("after", exampleOf("redrive --session ses_1 --dry-run"));
  const drop = new Command("drop")
    .description("Deletes dead letters permanently. Their events are lost.")
    .argument("[event-id]")
    .option("--all", "all dead letters")
    .option("--dry-run", "show what would be removed, without removing it")
    .option("--yes", "skip the confirmation")
    .option("--json", "print JSON")
    .addHelpText("after", exampleOf("drop --all --dry-run"));

  addWhich(again);
  addWhich(drop);

  const onBroker = async (
    self: Command,
    run: (jsm: JetStreamManager, nc: NatsConnection) => Promise<void>,
  ): Promise<void> => {
    await withBroker({ role: "operator", env: context.env, flags: flagsOf(self, CLIENT_TABLE) }, async (nc) =>
      run(await jetstreamManager(nc, { checkAPI: false }), nc),
    );
  };

  addFlags(ls, CLIENT_TABLE).action(async (options: ListOptions) => {
    await onBroker(ls, (jsm) => list(context, jsm, options));
  });

  addFlags(show, CLIENT_TABLE).action(async (id: string) => {
    await onBroker(show, async (jsm) => {
      const letters = await deadLettersOf(jsm, id);
      const letter = letters.pop();
      if (letter === undefined) throw noLetter(id);
      // the event died more than once: show the older reasons too
      const earlier = letters.length === 0 ? {} : { earlier: letters.map(factsOf) };
      context.print(JSON.stringify({ ...factsOf(letter), ...earlier, event: eventOf(letter) }, null, 2));
    });
  });

  addFlags(again, CLIENT_TABLE).action(async (id: string | undefined, which: Options) => {
    checkChosen(id, which);
    await onBroker(again, async (jsm, nc) => {
      const plan = planRedrive(await chosenLetters(jsm, id, which));
      const { send } = plan;
      if (send.length === 0) return which.json ? undefined : context.print(noneOf(which));
      const behind = await sayOvertaken(jsm, plan);
      if (which.dryRun) {
        for (const thin of send) {
          const letter = await readDeadLetter(jsm, thin.seq);
          if (letter === undefined) continue;
          const { id: event, session, reason } = letter;
          if (which.json) context.print(JSON.stringify({ id: event, session, reason }));
          else context.print(`would redrive ${event} of ${session}: ${reason}`);
        }
        if (behind !== undefined) (which.json ? context.warn : context.print)(behind);
        return;
      }
      if (behind !== undefined) await confirm(context, `${behind} Redrive anyway?`, which.yes);
      context.mustFinish();
      const progress = createProgress("redriven", send.length);
      let count = 0;
      const redriven = (letter: DeadLetter, seq: number): void => {
        progress.at(++count);
        if (which.json)
          context.print(JSON.stringify({ id: letter.id, session: letter.session, streamSeq: seq }));
        else if (send.length <= MOST_LINES)
          context.print(`${letter.id} of ${letter.session} requeued as sequence ${seq}`);
      };
      try {
        await redriveAll({ nc, jsm }, plan, { redriven });
      } finally {
        progress.end();
      }
      if (!which.json && send.length > MOST_LINES) context.print(`${count} events requeued`);
    });
  });

  addFlags(drop, CLIENT_TABLE).action(async (id: string | undefined, which: Options) => {
    checkChosen(id, which);
    await onBroker(drop, async (jsm, nc) => {
      const letters = await chosenLetters(jsm, id, which);
      if (letters.length === 0)
        return context.print(which.json ? JSON.stringify({ dropped: 0 }) : noneOf(which));
      if (which.dryRun) {
        for (const { id: event, session } of letters)
          context.print(
            which.json ? JSON.stringify({ id: event, session }) : `would drop ${event} of ${session}`,
          );
        return;
      }
      const what =
        letters.length === 1 ? `the dead letter of ${letters[0]?.id}` : `${letters.length} dead letters`;
      await confirm(context, `Delete ${what} permanently?`, which.yes);
      context.mustFinish();
      const progress = createProgress("dropped", letters.length);
      let count = 0;
      const dropped = (now: number): void => progress.at((count = now));
      const seqs = letters.map(({ seq }) => seq);
      try {
        await dropDeadLetters({ nc, jsm }, seqs, { dropped });
      } finally {
        progress.end();
      }
      const done = `dropped ${counted(count, "dead letter")}`;
      context.print(which.json ? JSON.stringify({ dropped: count }) : done);
    });
  });

  return dead.addCommand(ls).addCommand(show).addCommand(again).addCommand(drop);
}

const HEAD = ["EVENT", "SESSION", "KIND", "STATUS", "EXECUTOR", "AT", "REASON"];

/** Lists letters, and marks those whose session stands still now: a redriven event would wait there. */
async function list(context: Context, jsm: JetStreamManager, options: ListOptions): Promise<void> {
  const { json, limit = json ? Infinity : ROWS } = options;
  const matches = matcherOf(options, Date.now());
  const narrowed = options.reason !== undefined || options.since !== undefined;
  const standing = await readStopped(jsm);
  const rows: string[][] = [];
  let shown = 0;
  let left = 0;
  for await (const letter of deadLetters(jsm, options.session)) {
    if (!matches(letter)) continue;
    const now = standing.get(letter.session);
    if (json)
      context.print(
        JSON.stringify({ ...factsOf(letter), ...(now === undefined ? {} : { sessionState: now }) }),
      );
    else rows.push(rowOf(letter, now));
    ({ left } = letter);
    if (++shown >= limit) break;
  }
  if (json) return;
  if (rows.length === 0) return context.print(noneOf(options));
  context.print(renderTable(HEAD, rows, context.screen));
  const more = narrowed ? "there may be more" : `${left} more`;
  if (left > 0) context.print(`${more}; use --limit N, or --json for all`);
}

function countOf(text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 1)
    throw codedError("usage", `--limit takes a number from 1, not ${text}`);
  return n;
}

/** A warning about an order that redriving cannot keep. Undefined if it keeps every order. */
async function sayOvertaken(jsm: JetStreamManager, plan: RedrivePlan): Promise<string | undefined> {
  const { sessions, all } = await overtaken(jsm, plan);
  const [first] = sessions;
  if (first === undefined) return undefined;
  const whose =
    sessions.length === 1 && all
      ? `session ${first}`
      : `${all ? "" : "at least "}${sessions.length} sessions`;
  return `Later events of ${whose} were already delivered or are pending; redriven events go behind them.`;
}

/** Everything but the payload. */
function factsOf(letter: DeadLetter & { left?: number }): Partial<DeadLetter> {
  const facts: Partial<DeadLetter> & { left?: number } = { ...letter };
  delete facts.payload;
  delete facts.left;
  return facts;
}

function eventOf(letter: DeadLetter): unknown {
  try {
    return readableEnvelope(letter.payload);
  } catch (error) {
    return { unreadable: errorText(error), base64: Buffer.from(letter.payload).toString("base64") };
  }
}

function rowOf(letter: DeadLetter, now: string | undefined): string[] {
  const reason = letter.reason.length > 80 ? `${letter.reason.slice(0, 79)}…` : letter.reason;
  const status = letter.status === undefined ? "-" : String(letter.status);
  const session = now === undefined ? letter.session : `${letter.session} (${now} now)`;
  // an executor that got a 202 does not know of the refusal, so an operator has to care
  const executor = letter.answered ? "informed" : "not informed";
  return [letter.id, session, letter.kind, status, executor, `${letter.at.slice(0, 19)}Z`, reason];
}
