import type { JetStreamManager } from "@nats-io/jetstream";
import type { Command } from "commander";
import { parseWhen } from "../operate/replay/selection.ts";
import { codedError } from "../shared/base/errors.ts";
import { checkSession } from "../shared/log/state/control.ts";
import { deadLetters, deadLettersOf, type DeadLetter } from "../shared/log/state/dead-letters.ts";
import type { ThinLetter } from "../shared/log/state/redrive-plan.ts";
import { DEAD_STREAM } from "../shared/log/schema/topology.ts";

/** Which dead letters are meant. All conditions must hold. */
export type Which = { session?: string; reason?: string; since?: string };
/** The same, where every letter must be meant explicitly. */
export type Chosen = Which & { all?: true };

/** Adds the options that narrow down. */
export function addWhich(command: Command): Command {
  return command
    .option("--session <id>", "only those of one session", sessionOf)
    .option(
      "--reason <text>",
      "only those whose status and reason contain this text (422, or 'too long')",
      reasonOf,
    )
    .option("--since <when>", "only those stored since this ISO time, or since this long ago (30m, 2h, 7d)");
}

function sessionOf(id: string): string {
  checkSession(id);
  return id;
}

/** Every reason contains the empty text, which is what an unset variable of a script becomes. */
function reasonOf(text: string): string {
  if (text.trim() === "") throw codedError("usage", "--reason takes a text, which is empty here");
  return text;
}

/** Makes the condition for a letter; throws `usage` for a time that cannot be read. */
export function matcherOf(
  { session, reason, since }: Which,
  now: number,
): (letter: Pick<DeadLetter, "session" | "reason" | "status" | "at">) => boolean {
  const from = since === undefined ? -Infinity : parseWhen("--since", since, now);
  const words = reason?.toLowerCase();
  return (letter) =>
    (session === undefined || letter.session === session) &&
    (words === undefined || `${letter.status ?? ""} ${letter.reason}`.toLowerCase().includes(words)) &&
    Date.parse(letter.at) >= from;
}

/** Nothing is changed that was not named. Throws `usage`. */
export function checkChosen(id: string | undefined, { all, session, reason, since }: Chosen): void {
  const narrowed = [session, reason, since].some((it) => it !== undefined);
  if ([id !== undefined, all === true, narrowed].filter(Boolean).length !== 1)
    throw codedError("usage", "give an event id, or --all, or --session, --reason and --since");
}

/** The dead letters of now, without their bodies. Letters that are added later are not touched. Throws `nothing_found` for an id. */
export async function chosenLetters(
  jsm: JetStreamManager,
  id: string | undefined,
  which: Chosen,
): Promise<ThinLetter[]> {
  if (id !== undefined) {
    const letters = await deadLettersOf(jsm, id);
    if (letters.length === 0) throw noLetter(id);
    return letters.map(thinOf);
  }
  const { last_seq: end } = (await jsm.streams.info(DEAD_STREAM)).state;
  const matches = matcherOf(which, Date.now());
  const letters: ThinLetter[] = [];
  for await (const letter of deadLetters(jsm, which.session)) {
    if (letter.seq > end) break;
    if (matches(letter)) letters.push(thinOf(letter));
  }
  return letters;
}

/** What is said where none was found. Pure. */
export function noneOf({ session, reason, since }: Which): string {
  if (reason !== undefined || since !== undefined) return "no such dead letters";
  return session === undefined ? "no dead letters" : `no dead letters of session ${session}`;
}

/** An event without a dead letter. */
export function noLetter(id: string): Error {
  return codedError("nothing_found", `no dead letter of event ${id}`);
}

function thinOf({ seq, id, origSeq, session }: DeadLetter): ThinLetter {
  return { seq, id, origSeq, session };
}
