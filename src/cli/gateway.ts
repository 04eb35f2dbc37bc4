import type { Command } from "commander";
import { BROKER_SETTINGS, COMMON_SETTINGS, GATEWAY_SETTINGS } from "../shared/settings/index.ts";
import type { Context } from "./context.ts";
import { rootCommand } from "./root.ts";

export function command(context: Context): Command {
  return rootCommand({
    name: "gateway",
    description: "Runs a gateway, which takes calls from executors and appends them to the log.",
    table: { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...GATEWAY_SETTINGS },
    context,
    run: () => import("../gateway/main.ts"),
  });
}
