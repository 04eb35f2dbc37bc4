import type { Command } from "commander";
import {
  BROKER_SETTINGS,
  COMMON_SETTINGS,
  SESSION_LIMITS,
  WORKER_SETTINGS,
  WORKSPACE_SETTINGS,
} from "../shared/settings/index.ts";
import type { Context } from "./context.ts";
import { nameOwnBroker } from "./own-broker.ts";
import { rootCommand } from "./root.ts";

export function command(context: Context): Command {
  return rootCommand({
    name: "worker",
    description:
      "Runs a worker, which runs the turns of sessions with an agent, in workspaces of this machine. Without NATS_URL it joins the `up` that runs with the data folder.",
    table: {
      ...COMMON_SETTINGS,
      ...BROKER_SETTINGS,
      ...WORKSPACE_SETTINGS,
      ...WORKER_SETTINGS,
      ...SESSION_LIMITS,
    },
    context,
    complete: (env) => nameOwnBroker(env, "worker"),
    run: () => import("../worker/main.ts"),
  });
}
