import { join } from "node:path";
import { replaceFile } from "../../shared/base/atomic-file.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { fetchCredentials, type Fetched, type FetchFor, type ServiceToken } from "./fetch.ts";
import { makeNewFolder, writeOwnFile, type TurnFolders } from "./folders.ts";
import { binOf, ghScript } from "./gh.ts";
import { GIT_SCRIPT, gitScript, gitVariables } from "./git.ts";
import { givenOf, TOKEN_FILE, type Given } from "./given.ts";
import type { KeptFolders } from "./kept.ts";
import { providersOf, type Provider } from "./providers.ts";
import { keepRenewed } from "./renewal.ts";
import { newTurnSecrets, type TurnSecrets } from "./secrets.ts";
import type { CredentialPlan } from "./settings.ts";

// settings.ts says what is fetched, providers.ts of whom · fetch.ts fetches it (back-end.ts where, ask.ts asks, verdict.ts decides with whose token, service-token.ts has the worker's own) · given.ts
// says what programs get of it (google.ts, gerrit.ts, read.ts) · folders.ts has the files of turns, kept.ts what outlives them · git.ts and gh.ts are programs for git and gh (quote.ts) · renewal.ts
// replaces tokens that expire · secrets.ts and hush.ts keep them out of the log

export type SupplyDeps = {
  plan: CredentialPlan;
  service: ServiceToken;
  folders: TurnFolders;
  kept: KeptFolders;
  clock: Clock;
  log: Logger;
  /** Variables of the worker. */
  env: Readonly<Record<string, string | undefined>>;
};

/** The session of a turn. `name`: in the log. */
export type SupplyFor = {
  session: { name: string; id: string; user: string };
  options: Readonly<Record<string, unknown>>;
  /** The value of the caller's Authorization header. */
  caller: string | undefined;
};

/** What the programs of a turn get. */
export type Supplied = {
  kind: "supplied";
  env: Record<string, string>;
  folder: string;
  secrets: TurnSecrets;
  /** What could not be had, for people. */
  missing: readonly { provider: string; why: string }[];
  /** Takes everything away again but what outlives a turn. */
  close(): void;
};

export type NotSupplied = {
  kind: "failed";
  code: "credentials_refused" | "credentials_unwritable";
  message: string;
};

/** Fetches what a turn's programs are given, and puts it into a folder of its own. Rejects with the reason of `signal` only. */
export async function supply(
  deps: SupplyDeps,
  of: SupplyFor,
  signal: AbortSignal,
): Promise<Supplied | NotSupplied> {
  const { plan, service, clock } = deps;
  const sidecars = new Set(Object.keys(plan.sidecars));
  const providers = providersOf({ providers: plan.providers, sidecars }, of.options);
  const who: FetchFor = { session: of.session.id, user: of.session.user, caller: of.caller };
  const fetching = { clock, signal, service };
  const fetched = await fetchCredentials(fetching, plan.backEnd, providers, who);
  if (fetched.refused.length > 0) return refusal(fetched);
  const again = (provider: Provider): Promise<Fetched> =>
    fetchCredentials(fetching, plan.backEnd, [provider], who);
  try {
    return put(deps, of, fetched, again);
  } catch (error) {
    return { kind: "failed", code: "credentials_unwritable", message: errorText(error) };
  }
}

/** One error that names all of them. */
function refusal({ refused }: Fetched): NotSupplied {
  const list = refused
    .toSorted((a, b) => a.provider.localeCompare(b.provider))
    .map(({ provider, why }) => `${provider} (${why})`);
  const message = `the back end refuses the credentials of ${list.join(", ")}`;
  return { kind: "failed", code: "credentials_refused", message };
}

/** Writes the files of a turn. Nothing of them is left if that fails. */
function put(
  deps: SupplyDeps,
  of: SupplyFor,
  fetched: Fetched,
  again: (provider: Provider) => Promise<Fetched>,
): Supplied {
  const { folders, kept, env, clock, log, plan } = deps;
  const session = of.session.name;
  const folder = folders.make();
  const secrets = newTurnSecrets([...fetched.values.values(), of.caller?.replace(/^\S+ /, "")]);
  const client = { id: env["GOOGLE_OAUTH_CLIENT_ID"] ?? "", secret: env["GOOGLE_OAUTH_CLIENT_SECRET"] ?? "" };
  const places = { folder, kept: kept.of(session), google: client };
  let closed = false;
  try {
    const given = givenOf(fetched.values, places);
    writeGiven(given, folder);
    if (given.kept !== undefined) kept.write(session, given.kept);
    const rests = (["github", "gitlab"] as const).map((provider) =>
      keepRenewed(clock, given.expiries[provider], async () => {
        const { values } = await again(provider);
        secrets.learn(values.values());
        const next = givenOf(values, places);
        const text = next.files[TOKEN_FILE[provider]];
        if (text !== undefined && !closed) replaceFile(join(folder, TOKEN_FILE[provider]), text);
        return next.expiries[provider];
      }),
    );
    return {
      kind: "supplied",
      env: variablesOf(given, { folder, path: env["PATH"], sidecars: plan.sidecars }),
      folder,
      secrets,
      missing: fetched.unavailable,
      close() {
        closed = true;
        for (const rest of rests) rest();
        try {
          folders.remove(folder);
        } catch (error) {
          log.error({ folder, error: errorText(error) }, "a turn's credentials could not be removed");
        }
      },
    };
  } catch (error) {
    folders.remove(folder);
    throw error;
  }
}

function writeGiven({ files, hosts }: Given, folder: string): void {
  for (const [name, text] of Object.entries(files)) writeOwnFile(join(folder, name), text);
  if (hosts.length > 0) writeOwnFile(join(folder, GIT_SCRIPT), gitScript(hosts, folder), 0o700);
  if (files[TOKEN_FILE.github] === undefined) return;
  const bin = binOf(folder);
  makeNewFolder(bin);
  writeOwnFile(join(bin, "gh"), ghScript(bin, join(folder, TOKEN_FILE.github)), 0o700);
}

function variablesOf(
  given: Given,
  of: { folder: string; path: string | undefined; sidecars: Readonly<Record<string, string>> },
): Record<string, string> {
  const { folder, path, sidecars } = of;
  const wrapped = given.files[TOKEN_FILE.github] !== undefined;
  return {
    ...given.env,
    ...gitVariables(given, folder),
    ...(wrapped ? { PATH: path ? `${binOf(folder)}:${path}` : binOf(folder) } : {}),
    ...(Object.keys(sidecars).length === 0 ? {} : { CREDENTIAL_MCP_URLS: JSON.stringify(sidecars) }),
  };
}
