import { Command } from "commander";
import type { Context } from "./context.ts";

export function command(context: Context): Command {
  return new Command("decode").action(() => context.print("x"));
}
