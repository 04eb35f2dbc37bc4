import { join } from "node:path";
import { findExecutable, runCommand, type CommandEnv } from "./command.ts";

/** The tested release. Go checks it against the public checksum database. */
const MODULE = "github.com/nats-io/nats-server/v2@v2.15.2";
/** Time limit of the build. It takes about a minute on two cores. */
const TIMEOUT_MS = 6 * 60_000;

/** Builds nats-server if Go is installed, and leaves only the binary in `folder`. Rejects with the reason. */
export async function fetchFromGo(folder: string, env: CommandEnv): Promise<string> {
  if (findExecutable("go", env["PATH"]) === undefined) throw new Error("no go here");
  await runCommand("go", ["install", "-modcacherw", MODULE], {
    env: {
      ...env,
      CGO_ENABLED: "0", // a C compiler may be missing
      GOBIN: folder,
      GOPATH: join(folder, "gopath"),
      GOCACHE: join(folder, "gocache"),
      GOMODCACHE: join(folder, "gomod"),
    },
    timeoutMs: TIMEOUT_MS,
  });
  return join(folder, "nats-server");
}
