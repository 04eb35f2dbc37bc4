import { expect, test } from "vitest";
import type { Ask } from "../../../../src/mcp/orchestrator/ask.ts";
import { orchestratorTools } from "../../../../src/mcp/orchestrator/tools.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

test("agents are asked for by the caller's tags, and only active ones are shown, with what the original fills in", async () => {
  const paths: string[] = [];
  const body = [{ name: "a", status: "active" }, { name: "b", status: "inactive" }, "odd"];
  const ask: Ask = ({ path }) => {
    paths.push(path);
    return Promise.resolve({ kind: "ok", body });
  };
  const tools = orchestratorTools({ ask, clock: createFakeClock(), timeoutMs: 1000 });
  const listed = async (tags: string | undefined): Promise<unknown> =>
    tools[0]?.run(
      {},
      {
        caller: { sessionId: undefined, tags, demands: {} },
        signal: new AbortController().signal,
        progress: () => undefined,
      },
    );
  const shown = { name: "a", description: "", type: "autonomous", tags: [], parameters_schema: null };
  expect(await listed("x,y z")).toEqual({ kind: "list", items: [shown] });
  await listed(undefined);
  expect(paths).toEqual(["/agents?tags=x%2Cy%20z", "/agents"]);
});
