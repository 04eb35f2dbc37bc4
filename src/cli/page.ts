import { join } from "node:path";
import { Command } from "commander";
import { ALL_SETTINGS, COMMON_SETTINGS, CONSOLE_SETTINGS } from "../shared/settings/index.ts";
import { loadSettings, type Environment } from "../shared/base/config/load.ts";
import { addressWithToken, TOKEN_PARAMETER } from "../shared/http/door/door.ts";
import { PAGE_TOKEN_FILE, readSecret } from "../shared/http/door/secret-file.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { dataFolder } from "./folders.ts";
import { readRunning } from "./up/kept.ts";

/** What a console of this machine is found by. */
const TABLE = {
  ...COMMON_SETTINGS,
  consolePort: CONSOLE_SETTINGS.consolePort,
  pageToken: CONSOLE_SETTINGS.pageToken,
} as const;

export function command(context: Context): Command {
  const self = new Command("page").description(
    "Prints the address of the console, with the token that lets a browser in. Without options, this is the console that `up` runs. Name another one with --console-port, and its data folder with --data.",
  );
  return addFlags(self, TABLE).action(() => {
    const { env } = context;
    const { values } = loadSettings(TABLE, { env, flags: flagsOf(self, TABLE), known: ALL_SETTINGS });
    const dataDir = dataFolder(values.data, env);
    const running = readRunning(dataDir);
    const own = running?.page === undefined ? undefined : new URL(running.page).origin;
    const url = values.consolePort === undefined ? own : `http://127.0.0.1:${values.consolePort}`;
    if (url === undefined) {
      const text = `no console is running in ${dataDir}, according to its files; name its data folder with --data, or the port of a separate console with --console-port`;
      throw codedError("nothing_found", text);
    }
    if (running !== undefined && own !== url && values.pageToken === undefined) {
      // one console's token opens no other's page, and what listens at that port is not to get it
      const text = `${url} is not the console of ${dataDir}, which is ${own ?? "off"}; name the data folder of that console with --data`;
      throw codedError("nothing_found", text);
    }
    context.print(addressWithToken(url, tokenHere(dataDir, values.pageToken)));
  });
}

/** Token of the console whose data folder that is. Throws `nothing_found`. */
function tokenHere(dataDir: string, chosen: string | undefined): string {
  const token = chosen ?? keptToken(dataDir);
  if (token !== undefined) return token;
  const file = join(dataDir, PAGE_TOKEN_FILE);
  throw codedError(
    "nothing_found",
    `${file} contains no token; check that a console was started there, as this user`,
  );
}

function keptToken(dataDir: string): string | undefined {
  const file = join(dataDir, PAGE_TOKEN_FILE);
  try {
    return tokenIn(readRunning(dataDir)?.page) ?? readSecret(file);
  } catch (cause) {
    const text = `${file} cannot be read; only its owner may read it: ${errorText(cause)}`;
    throw codedError("nothing_found", text, { cause });
  }
}

/** Of a relay or console on this machine, for other commands; undefined if it cannot be read. */
export function pageTokenHere(dataDir: string, env: Environment): string | undefined {
  try {
    const { values } = loadSettings({ pageToken: CONSOLE_SETTINGS.pageToken }, { env, known: ALL_SETTINGS });
    return values.pageToken ?? keptToken(dataDir);
  } catch {
    return undefined;
  }
}

/** `up` may use another token than the one in the folder. */
function tokenIn(page: string | undefined): string | undefined {
  if (page === undefined) return undefined;
  return new URL(page).searchParams.get(TOKEN_PARAMETER) ?? undefined;
}
