import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Values } from "../../shared/base/config/load.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { codedError } from "../../shared/base/errors.ts";
import type { Logger, SecretRegistry } from "../../shared/base/logger.ts";
import { HOOK_KEYS_FILE, readSecret, SESSIONS_KEY_FILE } from "../../shared/http/door/secret-file.ts";
import { secretProblem } from "../../shared/http/door/secret.ts";
import type { PageHeaders } from "../../shared/http/web-page.ts";
import type { SESSIONS_ACCESS_SETTINGS, SESSIONS_SETTINGS } from "../../shared/settings/index.ts";
import { createAccess } from "./access.ts";
import type { Access, Refusal } from "./caller.ts";
import { createExpiries } from "./expiries.ts";
import { exposureProblem } from "./exposure.ts";
import { createIssuerKeys, isPrivate } from "./issuer-keys.ts";
import { createKeyRing } from "./key-ring.ts";
import { followKeysFile, readKeysFile } from "./keys-file.ts";
import { wholeKey, type Key } from "./keys.ts";
import { createPageGuard, listOf, readOrigins } from "./page-guard.ts";
import type { TlsFiles } from "../../shared/http/tls-files.ts";
import { createTokens, type Tokens } from "./tokens.ts";
import { readProxies } from "./trusted-proxies.ts";
import type { UserLimits } from "./user-limits.ts";

export type AccessValues = Values<typeof SESSIONS_SETTINGS> & Values<typeof SESSIONS_ACCESS_SETTINGS>;

/** What the settings say of who may reach the server and use it. */
export type Entrance = {
  access: Access;
  /** The refusal of a request that a web page may have sent. */
  guard: (headers: PageHeaders) => Refusal | undefined;
  /** Origins of pages that may call. */
  origins: ReadonlySet<string>;
  /** Proxies whose `X-Forwarded-For` is believed. */
  proxies: string[];
  tls: TlsFiles | undefined;
  limits: UserLimits;
  /** Stops following files and timers. */
  close(): void;
};

type Deps = { dataDir: string; clock: Clock; log: Logger; secrets: SecretRegistry; fetch: typeof fetch };

/** Reads keys and settings. Throws `config_invalid` and `listen_refused` where the server would be open to those whom it should not be open to. */
export function openAccess(values: AccessValues, deps: Deps): Entrance {
  const { clock, log } = deps;
  const fixed = fixedKeys(values, deps);
  const file = values.sessionsKeysFile;
  const tokens = tokensOf(values, deps);
  const tls = tlsFilesOf(values);
  checkExposure(values, {
    authenticated: fixed.length > 0 || file !== undefined || tokens !== undefined,
    tls,
  });
  const keys = createKeyRing(randomBytes(32), fixed);
  const read: Record<"users" | "hooks", readonly Key[]> = { users: [], hooks: [] };
  const follow = (whose: keyof typeof read, from: string): (() => void) => {
    const replace = (found: readonly Key[]): void => {
      read[whose] = found;
      keys.replace([...fixed, ...read.users, ...read.hooks.filter(isHookKey)]);
    };
    const stop = followKeysFile(from, { clock, log, replace });
    if (whose === "users" || existsSync(from))
      replace(whose === "users" ? readKeysFile(from) : readKeysFile(from, from));
    return stop;
  };
  const stops = [
    follow("hooks", join(deps.dataDir, HOOK_KEYS_FILE)),
    ...(file === undefined ? [] : [follow("users", file)]),
  ];
  const expiries = createExpiries(clock);
  const origins = originsOf(values.sessionsOrigins);
  const hosts = listOf(values.sessionsHosts ?? "");
  return {
    access: createAccess({ keys, tokens, expiries, open: values.sessionsOpen }),
    guard: createPageGuard({ listen: values.sessionsListen, hosts, origins }),
    origins,
    proxies: proxiesOf(values.sessionsTrustProxy),
    tls,
    limits: {
      watchers: values.sessionsUserWatchers,
      turns: values.sessionsUserTurns,
      sessions: values.sessionsUserSessions,
      writes: values.sessionsUserWrites,
    },
    close() {
      for (const stop of stops) stop();
      expiries.close();
    },
  };
}

/** `hooks install` makes only such keys, and more than that is not theirs to have. */
function isHookKey({ scopes }: Key): boolean {
  return scopes.size === 1 && scopes.has("hooks");
}

/** The key by setting, and the one that `up` made in the data folder. */
function fixedKeys({ sessionsApiKey: chosen }: AccessValues, { dataDir, secrets }: Deps): Key[] {
  const problem = chosen === undefined ? undefined : secretProblem(chosen);
  if (problem !== undefined) throw codedError("config_invalid", `RUNNER_RELAY_SESSIONS_API_KEY ${problem}`);
  const kept = readSecret(join(dataDir, SESSIONS_KEY_FILE));
  if (kept !== undefined) secrets.add(kept);
  return [...new Set([chosen, kept])].flatMap((it) => (it === undefined ? [] : [wholeKey(it)]));
}

function tokensOf(values: AccessValues, deps: Deps): Tokens | undefined {
  const { sessionsJwtIssuer: issuer, sessionsJwtAudience: audience } = values;
  if (issuer === undefined) return undefined;
  if (audience === undefined)
    throw codedError(
      "config_invalid",
      "RUNNER_RELAY_SESSIONS_JWT_ISSUER needs RUNNER_RELAY_SESSIONS_JWT_AUDIENCE: tokens for other services would be accepted",
    );
  if (!isPrivate(new URL(issuer)))
    throw codedError("config_invalid", "RUNNER_RELAY_SESSIONS_JWT_ISSUER must be an https URL");
  return createTokens({ issued: createIssuerKeys(issuer, deps), audience, clock: deps.clock });
}

function tlsFilesOf({ sessionsTlsCert: cert, sessionsTlsKey: key }: AccessValues): TlsFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  throw codedError(
    "config_invalid",
    "RUNNER_RELAY_SESSIONS_TLS_CERT and RUNNER_RELAY_SESSIONS_TLS_KEY need each other",
  );
}

function checkExposure(
  values: AccessValues,
  { authenticated, tls }: { authenticated: boolean; tls: TlsFiles | undefined },
): void {
  const { sessionsListen: listen, sessionsOpen: open, sessionsBehindTls: behindTls } = values;
  const problem = exposureProblem({ listen, open, authenticated, tls: tls !== undefined, behindTls });
  if (problem !== undefined) throw codedError(problem.code, problem.text);
}

function originsOf(text = ""): ReadonlySet<string> {
  const read = readOrigins(text);
  if (read.ok) return read.origins;
  throw codedError(
    "config_invalid",
    `RUNNER_RELAY_SESSIONS_ORIGINS: ${JSON.stringify(read.wrong)} is no origin`,
  );
}

function proxiesOf(text = ""): string[] {
  const read = readProxies(text);
  if (read.ok) return read.proxies;
  const wrong = JSON.stringify(read.wrong);
  throw codedError("config_invalid", `RUNNER_RELAY_SESSIONS_TRUST_PROXY: ${wrong} is no address or network`);
}
