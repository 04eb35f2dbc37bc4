// The one door to the official library of the Model Context Protocol. `npm run build` bundles it into this file, because installed whole it takes 17 MB.

export { createMcpHandler, Server } from "@modelcontextprotocol/server";
export { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
export type { CallToolResult, ServerContext } from "@modelcontextprotocol/server";
