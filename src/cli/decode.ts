import { Command } from "commander";
import type { Context } from "./context.ts";
import { readableEnvelope } from "./readable.ts";

export function command(context: Context): Command {
  return new Command("decode")
    .description(
      "Reads one message of the log on stdin and prints it as JSON, for --translate of the nats CLI.",
    )
    .action(async () => {
      context.print(JSON.stringify(readableEnvelope(await context.readStdin()), null, 2));
    });
}
