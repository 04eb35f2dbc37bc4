import { accessSync, constants, statSync } from "node:fs";
import { resolve } from "node:path";
import { SessionClientError, type Session, type SessionClient } from "../client/index.ts";
import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";

/** Where an agent works, and how it knows the conversation that it goes on with. */
export type Place = { folder: string; threadId?: string };

/** How long a coordinator may be away when a session is resumed, and how often it is asked meanwhile. A runner starts an executor for each run, and reports it as failed when it ends. */
const PATIENCE_MS: number = 30_000;
const AGAIN_MS = 1000;

/** Where a session starts. Throws if that is no folder that can be read. */
export function startPlace(projectDir: string | undefined, cwd: string): Place {
  return { folder: checked(resolve(cwd, projectDir ?? ".")) };
}

/** Where a session is resumed, as the coordinator knows it. Throws if it knows nothing that could be resumed. */
export async function resumePlace(
  deps: {
    client: Pick<SessionClient, "getSession">;
    clock: Clock;
    signal: AbortSignal;
    cwd: string;
  },
  sessionId: string,
): Promise<Place> {
  const session = await sessionOf(deps, sessionId);
  const { executor_session_id: threadId, project_dir: dir, status } = session;
  if (typeof threadId !== "string" || threadId === "")
    throw new Error(
      `Resume failed: Session '${sessionId}' has no executor_session_id (status=${status}). It was never bound to an executor.`,
    );
  return { folder: checked(typeof dir === "string" && dir !== "" ? dir : deps.cwd), threadId };
}

async function sessionOf(
  { client, clock, signal }: Parameters<typeof resumePlace>[0],
  sessionId: string,
): Promise<Session> {
  const until = clock.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await client.getSession(sessionId);
    } catch (error) {
      const isUnknown = error instanceof SessionClientError && error.status === 404;
      // oxlint-disable-next-line preserve-caught-error -- it says the same again
      if (isUnknown) throw new Error(`Resume failed: Session '${sessionId}' not found.`);
      if (!isAway(error) || signal.aborted || clock.now() > until)
        throw new Error(`Resume failed: '${sessionId}' cannot be asked for: ${errorText(error)}`, {
          cause: error,
        });
      await new Promise<void>((done) => void clock.after(AGAIN_MS, done));
    }
  }
}

/** Somebody on the way does not answer now. */
function isAway(error: unknown): boolean {
  if (!(error instanceof SessionClientError)) return false;
  return error.status === undefined || error.status === 429 || error.status >= 500;
}

function checked(folder: string): string {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) throw new Error(`Project directory does not exist: ${folder}`);
  if (!found.isDirectory()) throw new Error(`Project directory is not a directory: ${folder}`);
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
  } catch {
    throw new Error(`Project directory is not readable: ${folder}`);
  }
  return folder;
}
