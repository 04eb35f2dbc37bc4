import type { Command } from "commander";
import { BROKER_SETTINGS, COMMON_SETTINGS, CONSOLE_SETTINGS } from "../shared/settings/index.ts";
import type { Context } from "./context.ts";
import { rootCommand } from "./root.ts";

export function command(context: Context): Command {
  return rootCommand({
    name: "console",
    description: "Runs the console, a web page with an operator's rights, on loopback.",
    table: { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...CONSOLE_SETTINGS },
    context,
    run: () => import("../console/main.ts"),
  });
}
