import type { Command } from "commander";
import { BROKER_SETTINGS, COMMON_SETTINGS, LOGS_SETTINGS, RELAY_SETTINGS } from "../shared/settings/index.ts";
import type { Context } from "./context.ts";
import { rootCommand } from "./root.ts";

export function command(context: Context): Command {
  return rootCommand({
    name: "relay",
    description: "Runs a relay, which reads the log and calls the coordinator; with --logs several logs.",
    table: { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...RELAY_SETTINGS, ...LOGS_SETTINGS },
    context,
    run: () => import("../relay/main.ts"),
  });
}
