import { join } from "node:path";
import { Command } from "commander";
import { loadSettings } from "../../shared/base/config/load.ts";
import { codedError } from "../../shared/base/errors.ts";
import { SESSIONS_KEY_FILE } from "../../shared/http/door/secret-file.ts";
import { ALL_SETTINGS, COMMON_SETTINGS } from "../../shared/settings/index.ts";
import type { Context } from "../context.ts";
import { addFlags, flagsOf } from "../flags.ts";
import { dataFolder } from "../folders.ts";
import { withExample } from "./at-server.ts";
import { keyIn } from "./server.ts";

const TABLE = { data: COMMON_SETTINGS.data } as const;

export function keyCommand(context: Context): Command {
  const self = new Command("key").description(
    "Prints the key of the sessions server that `up` runs. Anyone who has it can run agents as this user: keep it to yourself.",
  );
  withExample(self, "key");
  return addFlags(self, TABLE).action(() => {
    const { env } = context;
    const { values } = loadSettings(TABLE, { env, flags: flagsOf(self, TABLE), known: ALL_SETTINGS });
    const dataDir = dataFolder(values.data, env);
    const key = keyIn(dataDir);
    if (key === undefined)
      throw codedError("nothing_found", `${join(dataDir, SESSIONS_KEY_FILE)} has no key; \`up\` makes one`);
    context.print(key);
  });
}
