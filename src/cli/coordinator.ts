import type { Command } from "commander";
import { COMMON_SETTINGS, COORDINATOR_SETTINGS } from "../shared/settings/index.ts";
import type { Context } from "./context.ts";
import { rootCommand } from "./root.ts";

export function command(context: Context): Command {
  return rootCommand({
    name: "coordinator",
    description:
      "Runs the stand-in for an Agent Coordinator, for trials and tests. It keeps everything in memory.",
    table: { ...COMMON_SETTINGS, ...COORDINATOR_SETTINGS },
    context,
    run: () => import("../standin/main.ts"),
  });
}
