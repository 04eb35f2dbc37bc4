import { Type } from "typebox";
import { errorText, isCoded } from "../shared/base/errors.ts";
import type { Caller } from "./caller.ts";
import { Server, type CallToolResult, type ServerContext } from "./library.ts";
import { toolResult } from "./result.ts";
import { failed, type Progress, type Tool } from "./tool.ts";

// tool.ts says what a tool is · orchestrator/ has the seven of the Agent Orchestrator, relay/ our own · caller.ts reads who calls · result.ts is the protocol's form
// library.ts is the official library · http.ts serves over HTTP

/** As the original calls itself, because agents' settings name it. */
const NAME = "Agent Orchestrator";

const INSTRUCTIONS =
  "Starts, resumes and watches sessions of other agents. The tools whose names begin with relay_ only read: what runner-relay still has to deliver, and what the coordinator refused.";

/** What a server needs to know of each request. */
export type ServerParts = {
  tools: readonly Tool[];
  version: string;
  callerOf: (context: ServerContext) => Caller;
};

/** A server of the protocol with our tools, to be connected to one transport. */
export function createServer({ tools, version, callerOf }: ServerParts): Server {
  const server = new Server(
    { name: NAME, version },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  server.setRequestHandler("tools/list", () => ({ tools: tools.map(shown) }));
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (tool === undefined) return toolResult(failed(`there is no tool ${params.name}`));
    const args = params.arguments ?? {};
    const problem = tool.problem(args);
    if (problem !== undefined) return toolResult(failed(`${params.name}: ${problem}`));
    return answer(tool, args, { context, caller: callerOf(context) });
  });
  return server;
}

async function answer(
  tool: Tool,
  args: Record<string, unknown>,
  { context, caller }: { context: ServerContext; caller: Caller },
): Promise<CallToolResult> {
  // a client that goes away without a word could not be answered either
  const signal = AbortSignal.any([context.mcpReq.signal, context.http?.req?.signal ?? []].flat());
  try {
    return toolResult(await tool.run(args, { caller, signal, progress: reporter(context) }));
  } catch (error) {
    signal.throwIfAborted(); // the client does not wait any more
    return toolResult(failed(isCoded(error) ? `${error.code}: ${error.message}` : errorText(error)));
  }
}

/** Reports progress to a client that asked for it. One that cannot be told learns it from the result. */
function reporter({ mcpReq }: ServerContext): (progress: Progress) => void {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return () => undefined;
  let last = -1;
  return ({ done, total, text: message }) => {
    if (done <= last) return; // the protocol wants it to grow
    last = done;
    const params = { progressToken, progress: done, total, message };
    mcpReq.notify({ method: "notifications/progress", params }).catch(() => undefined);
  };
}

type ShownSchema = { type: "object" };

function shown({ name, description, parameters, result, isList, effect }: Tool) {
  const output = isList ? Type.Object({ result: Type.Array(result) }) : result;
  return {
    name,
    description,
    inputSchema: parameters as ShownSchema,
    outputSchema: output as unknown as ShownSchema,
    annotations: {
      readOnlyHint: effect === "reads",
      destructiveHint: effect === "removes",
      openWorldHint: effect !== "reads",
    },
  };
}
