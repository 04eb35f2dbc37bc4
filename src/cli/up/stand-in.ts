import { join } from "node:path";
import { variableNames, type Environment } from "../../shared/base/config/load.ts";
import { COORDINATOR_SETTINGS, RELAY_SETTINGS } from "../../shared/settings/index.ts";
import { COORDINATOR_KEY_FILE, keepSecret } from "../../shared/http/door/secret-file.ts";

/** The settings that give a relay credentials for a coordinator. */
const CREDENTIALS = Object.fromEntries(
  Object.entries(RELAY_SETTINGS).filter(([name]) => /^(?:apiKey|oidc|auth0)/.test(name)),
);
const KEY = RELAY_SETTINGS.apiKey.env;
const TOKEN = COORDINATOR_SETTINGS.coordinatorToken.env;

/**
 * The key between the stand-in and its relay, as variables for each. Without a key the stand-in would show every session to every local user. It is the key
 * that was set for it, or else one that the data folder keeps. Throws `data_unusable`.
 */
export function standInKey(
  env: Environment,
  dataDir: string,
): { coordinator: Record<string, string>; relay: Record<string, string> } {
  for (const form of ["", "_FILE"]) {
    const set = env[TOKEN + form];
    if (set) return { coordinator: { [TOKEN + form]: set }, relay: { [KEY + form]: set } };
  }
  keepSecret(dataDir, COORDINATOR_KEY_FILE);
  const file = join(dataDir, COORDINATOR_KEY_FILE);
  return { coordinator: { [`${TOKEN}_FILE`]: file }, relay: { [`${KEY}_FILE`]: file } };
}

/** Removes the credentials that are meant for the real coordinator, because no other origin may get them (CRED-1). Pure. */
export function withoutCredentials(env: Record<string, string>): Record<string, string> {
  const names = new Set(variableNames([CREDENTIALS]));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.has(name)));
}
