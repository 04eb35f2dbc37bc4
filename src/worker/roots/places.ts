import { createHash } from "node:crypto";
import { errorText } from "../../shared/base/errors.ts";
import { lastOwner } from "../../shared/session-log/ownership/last-owner.ts";
import { acquireLease, leaseHolder, type LeaseDeps } from "../../shared/session-log/ownership/lease.ts";
import { patiently } from "../../shared/session-log/patiently.ts";
import type { Session } from "../../shared/session-log/registry/entry.ts";
import { claimOf, type Claim, type OwnerRoot } from "./claim.ts";
import { lockFolder, type LockDeps } from "./lock.ts";
import { createPresence } from "./presence.ts";
import type { Root } from "./root.ts";
import { openWorkspace, workspaceOf } from "./workspace.ts";

// root.ts opens the folders that hold workspaces (machine-id.ts names the machine) · presence.ts tells others which ones are served, and hears which are not · claim.ts decides whose a
// session is · workspace.ts finds and makes its folder, lock.ts keeps that for one session at a time

/** What came of entering a session's workspace. `code` fails the turn. */
export type Entered =
  | { kind: "entered"; folder: string; leave: () => void }
  | { kind: "refused"; code: "workspace_refused" | "workspace_unusable" | "workspace_busy"; why: string };

/** The folders that a worker's sessions work in. */
export type Places = {
  /** What this worker may do with a session that nobody owns. */
  claim(session: Session): Promise<Claim>;
  /** Takes the session's folder for a turn. */
  enter(session: Session, epoch: number): Promise<Entered>;
  stop(): void;
};

export function createPlaces(
  deps: LeaseDeps,
  of: { worker: string; roots: readonly Root[]; shared: boolean },
): Places {
  const { jsm } = deps;
  const { worker, roots, shared } = of;
  const presence = createPresence(deps, { worker, roots: roots.map(({ id }) => id) });
  const locks = lockDeps(deps, worker);
  return {
    async claim(session) {
      const root = workspaceOf(session, roots)?.root;
      const mine: OwnerRoot | undefined = root && { root: root.id, place: root.place };
      const before = await lastOwner(jsm, session.name);
      const equal = before === undefined || before.root === mine?.root;
      return claimOf({ mine, before, shared, silent: !equal && (await presence.silent(before.root)) });
    },
    async enter(session, epoch) {
      const workspace = workspaceOf(session, roots);
      if (workspace === undefined)
        return { kind: "refused", code: "workspace_refused", why: "the folder lies in no workspace root" };
      const opened = openWorkspace(workspace);
      if (opened.kind === "refused") return opened;
      const { folder } = workspace;
      try {
        const locked = await lockFolder(locks, folder, { session: session.name, epoch, worker });
        if (locked.kind === "locked") return { kind: "entered", folder, leave: locked.unlock };
        return { kind: "refused", code: "workspace_busy", why: "another session works in the folder" };
      } catch (error) {
        return { kind: "refused", code: "workspace_unusable", why: errorText(error) };
      }
    },
    stop: () => presence.stop(),
  };
}

function lockDeps(deps: LeaseDeps, worker: string): LockDeps {
  return {
    isOwned: async (session) => (await patiently(() => leaseHolder(deps.jsm, session), deps)) !== undefined,
    async alone(folder, work) {
      const name = `folder.${createHash("sha256").update(folder).digest("base64url").slice(0, 22)}`;
      const lease = await acquireLease(deps, name, worker);
      if (lease === undefined) return undefined;
      const result = lease.lost.aborted ? undefined : work();
      await lease.release();
      return result;
    },
  };
}
