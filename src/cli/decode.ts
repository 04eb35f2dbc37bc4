import { Command } from "commander";
import type { Context } from "./context.ts";
import { readableEnvelope } from "./readable.ts";

export function command(context: Context): Command {
  return new Command("decode")
    .description("Reads one log message from stdin and prints it as JSON, for the nats CLI's --translate.")
    .action(async () => {
      context.print(JSON.stringify(readableEnvelope(await context.readStdin()), null, 2));
    });
}
