import { RpcError, type Params, type Rpc } from "../json-rpc.ts";
import type { RunnerSession } from "../port.ts";

/** The version of the protocol that we speak: the stable one. */
const PROTOCOL = 1;

/** Introduces us, and opens the conversation; returns its id. */
export async function open(rpc: Rpc, session: RunnerSession): Promise<string> {
  const { agentCapabilities, agentInfo } = await rpc.request("initialize", {
    protocolVersion: PROTOCOL,
    // files and terminals are the agent's own: it works in the workspace, as our user
    clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
  });
  const { loadSession } = (agentCapabilities ?? {}) as { loadSession?: unknown };
  const threadId = await openSession(rpc, session, loadSession === true);
  const { title, name } = (agentInfo ?? {}) as { title?: unknown; name?: unknown };
  const shown = title ?? name;
  session.emit({ type: "header", threadId, ...(typeof shown === "string" ? { title: shown } : {}) });
  return threadId;
}

/** Loads the session's conversation where the agent can, or begins one: that it was lost is said. */
async function openSession(rpc: Rpc, session: RunnerSession, canLoad: boolean): Promise<string> {
  const { threadId, workspace = "/", options } = session;
  const place = { cwd: workspace, mcpServers: mcpServers(options["mcp_servers"]) };
  if (threadId !== undefined) {
    const lost = canLoad
      ? await rpc.request("session/load", { sessionId: threadId, ...place }).then(
          () => undefined,
          (error: unknown) => {
            if (!(error instanceof RpcError)) throw error;
            return error.message;
          },
        )
      : "it cannot load sessions";
    if (lost === undefined) return threadId;
    const message = `the agent does not know the conversation any more, and begins a new one: ${lost}`;
    session.emit({ type: "error", code: "THREAD_LOST", message, recoverable: true });
  }
  const { sessionId } = await rpc.request("session/new", place);
  if (typeof sessionId !== "string") throw new Error("the agent answered without a session id");
  return sessionId;
}

/** The session's servers of tools, as the protocol names them: those that are reached over HTTP. */
function mcpServers(of: unknown): object[] {
  const servers = typeof of === "object" && of !== null ? Object.entries(of as Record<string, Params>) : [];
  return servers.flatMap(([name, { url, headers = {} }]) =>
    typeof url !== "string"
      ? []
      : [
          {
            type: "http",
            name,
            url,
            headers: Object.entries(headers as object).map(([header, value]) => ({
              name: header,
              value: String(value),
            })),
          },
        ],
  );
}
