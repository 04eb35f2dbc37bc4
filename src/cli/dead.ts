import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { Command } from "commander";
import { deadLetters, findDeadLetter, redrive, type DeadLetter } from "../shared/dead-letters.ts";
import { codedError, errorText } from "../shared/errors.ts";
import { DEAD_STREAM } from "../shared/topology.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { readableEnvelope } from "./readable.ts";
import { renderTable } from "./table.ts";

export function command(context: Context): Command {
  const dead = new Command("dead").description(
    "Dead letters: events that the coordinator refused, with the reason.",
  );
  const ls = new Command("ls")
    .description("Lists them, oldest first.")
    .option("--session <id>", "only of one session")
    .option("--json", "one JSON object a line");
  const show = new Command("show").description("Shows one with its event.").argument("<event-id>");
  const again = new Command("redrive")
    .description("Sends them once more, behind what waits of their session, and removes them here.")
    .argument("[event-id]")
    .option("--all", "all of them")
    .option("--session <id>", "all of one session")
    .option("--dry-run", "only say what would be sent");

  const onBroker = async (
    self: Command,
    run: (jsm: JetStreamManager, nc: NatsConnection) => Promise<void>,
  ): Promise<void> => {
    await withBroker({ role: "operator", env: context.env, flags: flagsOf(self, CLIENT_TABLE) }, async (nc) =>
      run(await jetstreamManager(nc, { checkAPI: false }), nc),
    );
  };

  addFlags(ls, CLIENT_TABLE).action(async ({ session, json }: { session?: string; json?: true }) => {
    await onBroker(ls, async (jsm) => {
      const rows: string[][] = [];
      for await (const letter of deadLetters(jsm, session)) {
        if (json) context.print(JSON.stringify(factsOf(letter)));
        else rows.push(rowOf(letter));
      }
      if (json) return;
      context.print(
        rows.length === 0
          ? "no dead letters"
          : renderTable(["EVENT", "SESSION", "KIND", "STATUS", "AT", "REASON"], rows),
      );
    });
  });

  addFlags(show, CLIENT_TABLE).action(async (id: string) => {
    await onBroker(show, async (jsm) => {
      const letter = await required(jsm, id);
      context.print(JSON.stringify({ ...factsOf(letter), event: eventOf(letter) }, null, 2));
    });
  });

  type RedriveOptions = { all?: true; session?: string; dryRun?: true };
  addFlags(again, CLIENT_TABLE).action(async (id: string | undefined, options: RedriveOptions) => {
    const ways = [id, options.all, options.session].filter((way) => way !== undefined);
    if (ways.length !== 1) throw codedError("usage", "give an event id, --session ID or --all");
    await onBroker(again, async (jsm, nc) => {
      const { last_seq: end } = (await jsm.streams.info(DEAD_STREAM)).state;
      let count = 0;
      const each = id === undefined ? deadLetters(jsm, options.session) : [await required(jsm, id)];
      for await (const letter of each) {
        if (letter.seq > end) break; // died again meanwhile: not for ever
        count += 1;
        if (options.dryRun)
          context.print(`would redrive ${letter.id} of ${letter.session}: ${letter.reason}`);
        else
          context.print(
            `${letter.id} of ${letter.session} is in the log again at ${await redrive(nc, jsm, letter)}`,
          );
      }
      if (count === 0) context.print("no dead letters");
    });
  });

  return dead.addCommand(ls).addCommand(show).addCommand(again);
}

async function required(jsm: JetStreamManager, id: string): Promise<DeadLetter> {
  const letter = await findDeadLetter(jsm, id);
  if (letter === undefined) throw codedError("nothing_found", `no dead letter of event ${id}`);
  return letter;
}

/** All but the payload. */
function factsOf(letter: DeadLetter): Partial<DeadLetter> {
  const facts: Partial<DeadLetter> = { ...letter };
  delete facts.payload;
  return facts;
}

function eventOf(letter: DeadLetter): unknown {
  try {
    return readableEnvelope(letter.payload);
  } catch (error) {
    return { unreadable: errorText(error), base64: Buffer.from(letter.payload).toString("base64") };
  }
}

function rowOf(letter: DeadLetter): string[] {
  const reason = letter.reason.length > 80 ? `${letter.reason.slice(0, 79)}…` : letter.reason;
  const status = letter.status === undefined ? "-" : String(letter.status);
  return [letter.id, letter.session, letter.kind, status, letter.at.slice(0, 19), reason];
}
