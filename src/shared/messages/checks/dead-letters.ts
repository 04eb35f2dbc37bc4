import type { JetStreamManager } from "@nats-io/jetstream";
import { ownCommand } from "../../base/own-command.ts";
import { showAge } from "../../base/show.ts";
import { walk } from "../../log/follow/walk.ts";
import { EVERYTHING } from "../../log/schema/subjects.ts";
import { letterOf } from "../../log/state/dead-letters.ts";
import { DEAD_STREAM } from "../../log/schema/topology.ts";
import { ok, warn, type Line } from "./line.ts";
import { reading, type Reading } from "./reading.ts";

/** Most dead letters that are read, the newest ones. Their bodies come with them, so it is one page of the broker. */
const MOST_READ = 500;

export type DeadFacts = {
  total: number;
  /** How many of the newest were read. */
  read: number;
  /** Of those, how many refusals no executor received. */
  untold: number;
  /** When the oldest of these was stored, milliseconds since 1970. */
  untoldSince?: number;
};

export function readDead(jsm: JetStreamManager): Promise<Reading<DeadFacts>> {
  return reading(async () => {
    const { state } = await jsm.streams.info(DEAD_STREAM);
    const facts: DeadFacts = { total: state.messages, read: 0, untold: 0 };
    if (state.messages === 0) return facts;
    const from = Math.max(state.first_seq, state.last_seq - MOST_READ + 1);
    for await (const message of walk(jsm, DEAD_STREAM, EVERYTHING, from, MOST_READ)) {
      if (message.seq > state.last_seq) break; // it came meanwhile, and is not counted
      facts.read++;
      const letter = letterOf(message);
      if (letter?.answered === true) continue;
      facts.untold++;
      facts.untoldSince ??= message.time.getTime();
    }
    return facts;
  });
}

/** Dead letters stay until somebody decides. An executor that received the refusal knows of it; of the others nobody does. Pure. */
export function judgeDead(facts: Reading<DeadFacts>, now: number): Line[] {
  const check = "dead letters";
  if (facts.kind === "failed") return []; // the stream has a line of its own, which says so
  const { total, read, untold, untoldSince = now } = facts.value;
  const list = ownCommand("dead", "ls");
  if (total === 0) return [ok(check, "none")];
  if (untold === 0) {
    const which = read < total ? "the newest refusals" : "the refusals";
    return [ok(check, `${total}; executors received ${which} themselves (\`${list}\`)`)];
  }
  const among = read < total ? ` of the newest ${read}` : "";
  const redrive = ownCommand("dead", "redrive", "ID");
  return [
    warn(
      check,
      `${total}; no executor received the refusal of ${untold}${among}; the oldest is ${showAge(now - untoldSince)} old`,
      `see why with \`${list}\`, fix the cause, then \`${redrive}\` (or \`drop\`)`,
    ),
  ];
}
