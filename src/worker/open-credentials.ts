import { join } from "node:path";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../shared/base/clock.ts";
import { codedError, errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { sessionNamed } from "../shared/session-log/registry/find.ts";
import { openTurnFolders, type TurnFolders } from "./credentials/folders.ts";
import { openKept, type KeptFolders } from "./credentials/kept.ts";
import { serviceToken, type ServiceTokenSource } from "./credentials/service-token.ts";
import type { CredentialPlan } from "./credentials/settings.ts";
import type { TurnCredentials } from "./turn-credentials.ts";

/** What the settings and the environment say about credentials of turns. */
export type CredentialOptions = {
  /** Undefined: none are fetched. */
  plan: CredentialPlan | undefined;
  token: ServiceTokenSource;
  /** Called with each token of the worker that was not known. */
  learn: (token: string) => void;
  /** Folder for their files. */
  folder: string;
  /** Variables of the worker. */
  env: Readonly<Record<string, string | undefined>>;
};

/**
 * Removes what workers before left behind, and of Google's files those of sessions that are gone; also where no credentials are fetched any more. Undefined then. Throws
 * `data_unusable`.
 */
export async function openCredentials(
  { jsm, clock, log }: { jsm: JetStreamManager; clock: Clock; log: Logger },
  { plan, token, learn, folder, env }: CredentialOptions,
): Promise<Omit<TurnCredentials, "callerOf"> | undefined> {
  const folders = openFolders(join(folder, "turns"));
  const left = folders.sweep((at, error) =>
    log.error({ folder: at, error: errorText(error) }, "a turn's credentials could not be removed"),
  );
  if (left > 0) log.warn({ turns: left }, "credentials of turns were left over from before, and removed");
  const kept = openKept(join(folder, "google"));
  await forgetDeleted(kept, jsm);
  if (plan === undefined) return undefined;
  return { plan, service: serviceToken(token, learn), folders, kept, clock, log, env };
}

function openFolders(folder: string): TurnFolders {
  try {
    return openTurnFolders(folder, process.pid);
  } catch (cause) {
    throw codedError("data_unusable", `${folder} cannot be made: ${errorText(cause)}`, { cause });
  }
}

async function forgetDeleted(kept: KeptFolders, jsm: JetStreamManager): Promise<void> {
  for (const session of kept.sessions())
    if ((await sessionNamed(jsm, session)) === undefined) kept.forget(session);
}
