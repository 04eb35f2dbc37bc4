import type { Command } from "commander";
import { BROKER_SETTINGS, COMMON_SETTINGS, TOKENS_SETTINGS } from "../shared/settings/index.ts";
import type { Context } from "./context.ts";
import { nameOwnBroker } from "./own-broker.ts";
import { rootCommand } from "./root.ts";

export function command(context: Context): Command {
  return rootCommand({
    name: "tokens",
    description: "Runs the token service, which gives pods and programs outside tokens of their sessions.",
    table: { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...TOKENS_SETTINGS },
    context,
    complete: (env) => nameOwnBroker(env, "tokens"),
    run: () => import("../tokens/main.ts"),
  });
}
