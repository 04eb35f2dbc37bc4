import type { Command } from "commander";
import {
  BROKER_SETTINGS,
  COMMON_SETTINGS,
  SESSIONS_ACCESS_SETTINGS,
  SESSIONS_SETTINGS,
  WORKSPACE_SETTINGS,
} from "../shared/settings/index.ts";
import type { Context } from "./context.ts";
import { nameOwnBroker } from "./own-broker.ts";
import { rootCommand } from "./root.ts";

export function command(context: Context): Command {
  return rootCommand({
    name: "serve",
    description: "Runs a server of sessions, which stores what clients want and shows what happened.",
    table: {
      ...COMMON_SETTINGS,
      ...BROKER_SETTINGS,
      ...SESSIONS_SETTINGS,
      ...SESSIONS_ACCESS_SETTINGS,
      workspaceRoot: WORKSPACE_SETTINGS.workspaceRoot,
    },
    context,
    complete: (env) => nameOwnBroker(env, "serve"),
    run: () => import("../sessions/main.ts"),
  });
}
