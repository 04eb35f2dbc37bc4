import { afterEach, beforeEach, describe, test } from "vitest";
import { ADAPTERS } from "./adapters.ts";
import { createModel, type Model } from "./model.ts";
import { killIn } from "./processes.ts";
import { STORIES } from "./stories.ts";
import { TABLE, type Cannot, type StoryName } from "./table.ts";
import { openSession, type Session } from "./world.ts";

describe.each(ADAPTERS.map((adapter) => [adapter.name, adapter] as const))("%s", (_, adapter) => {
  let scope: AsyncDisposableStack;
  let model: Model;
  let session: Session;
  let started: Awaited<ReturnType<typeof adapter.start>>;

  beforeEach(async () => {
    scope = new AsyncDisposableStack();
    model = createModel();
    started = scope.use(await adapter.start(model));
    session = scope.use(openSession(started.runner, adapter.approval));
  });
  afterEach(() => scope.disposeAsync());

  for (const [name, story] of Object.entries(STORIES)) {
    const cannot: Cannot = TABLE[adapter.name];
    const why = cannot[name as StoryName];
    test.skipIf(why !== undefined)(why === undefined ? name : `${name} (cannot: ${why})`, async () => {
      await story({
        model,
        session,
        kill() {
          if (started.die === undefined) killIn(session.workspace);
          else session.take(started.die());
        },
        passesOutput: adapter.passesOutput !== false,
      });
    });
  }
});
