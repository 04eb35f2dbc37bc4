import { Client, StreamableHTTPClientTransport, type CallToolResult } from "@modelcontextprotocol/client";

/** What programs read of a result. */
export type Result = { value: unknown; texts: unknown[]; isError: boolean };

/** The official client at an HTTP server of ours, in one of the protocol's two ages. */
export async function connectHttp(
  url: string,
  options: { token: string; headers?: Record<string, string>; age?: "legacy" | "auto" },
): Promise<Client> {
  const client = newClient(options.age ?? "legacy");
  const headers = { authorization: `Bearer ${options.token}`, ...options.headers };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  return client;
}

export function newClient(mode: "legacy" | "auto"): Client {
  return new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
}

export async function callTool(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
  onprogress?: (progress: { progress: number; message?: string | undefined }) => void,
): Promise<Result> {
  const options = onprogress === undefined ? {} : { onprogress, resetTimeoutOnProgress: true };
  return read(await client.callTool({ name, arguments: args }, options));
}

function read({ content, structuredContent, isError }: CallToolResult): Result {
  const texts = content.map((item): unknown => (item.type === "text" ? JSON.parse(item.text) : item));
  return { value: structuredContent, texts, isError: isError === true };
}
