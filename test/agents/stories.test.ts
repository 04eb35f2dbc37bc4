import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, test } from "vitest";
import { ADAPTERS } from "./adapters.ts";
import { createModel, type Model } from "./model.ts";
import { STORIES, type StoryName } from "./stories.ts";
import { openSession, type Session } from "./world.ts";

describe.each(ADAPTERS.map((adapter) => [adapter.name, adapter] as const))("%s", (_, adapter) => {
  let scope: AsyncDisposableStack;
  let model: Model;
  let session: Session;

  beforeEach(async () => {
    scope = new AsyncDisposableStack();
    model = createModel();
    const { runner } = scope.use(await adapter.start(model));
    session = scope.use(openSession(runner));
  });
  afterEach(() => scope.disposeAsync());

  for (const [name, story] of Object.entries(STORIES)) {
    const why = adapter.cannot[name as StoryName];
    test.skipIf(why !== undefined)(why === undefined ? name : `${name} (cannot: ${why})`, async () => {
      await story({ model, session, kill: () => killChildren(session.workspace) });
    });
  }
});

/** Kills every process that works in the folder, as the system does when memory is short. */
function killChildren(folder: string): void {
  const out = execFileSync("sh", ["-c", 'for p in /proc/[0-9]*; do echo "$p $(readlink "$p/cwd")"; done']);
  for (const line of String(out).split("\n")) {
    const [path = "", cwd] = line.split(" ");
    if (cwd === folder) process.kill(Number(path.slice("/proc/".length)), "SIGKILL");
  }
}
