import { serveStdio, StdioServerTransport } from "./library.ts";
import { createServer, type ServerParts } from "./server.ts";

/** Serves the tools on stdin and stdout, until stdin ends. */
export async function serveOnPipes(parts: ServerParts): Promise<void> {
  const transport = new StdioServerTransport();
  const ended = new Promise<void>((done) => process.stdin.once("close", done));
  const serving = serveStdio(() => createServer(parts), { transport });
  await ended;
  await serving.close();
}
