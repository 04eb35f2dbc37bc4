import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { gzipSync } from "node:zlib";

/** What the upstream saw of a request. */
export type Seen = { method: string; target: string; headers: string[]; length: number; sha: string };

export type Reflector = {
  url: string;
  seen: Seen[];
  /** Connections that carry or carried something. */
  sockets: Set<Duplex>;
  [Symbol.asyncDispose](): Promise<void>;
};

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** An upstream that answers what a request asks for in its query, else with what it saw: `?status=418&header=x-a:1&bytes=1000`. */
export async function startReflector(
  options: {
    on?: Record<string, Handler>;
    upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  } = {},
): Promise<Reflector> {
  const seen: Seen[] = [];
  const sockets = new Set<Duplex>();
  const { upgrade } = options;
  const server = createServer({
    maxHeaderSize: 64 * 1024,
    requestTimeout: 0,
    keepAliveTimeout: 5000,
    ...(upgrade === undefined ? { shouldUpgradeCallback: () => false } : {}),
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "";
    const special = options.on?.[path];
    if (path === "/health")
      return void response.setHeader("content-type", "application/json").end('{"status":"healthy"}');
    if (special !== undefined) return special(request, response);
    const hash = createHash("sha256");
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      length += chunk.length;
    });
    request.on("end", () => {
      const { method = "", url: target = "", rawHeaders: headers } = request;
      const one = { method, target, headers, length, sha: hash.digest("hex") };
      seen.push(one);
      answer(one, response);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  if (upgrade !== undefined)
    server.on("upgrade", (request, socket, head) => {
      socket.on("error", () => {});
      upgrade(request, socket, head);
    });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What the query asks for; by default what was seen. */
function answer(seen: Seen, response: ServerResponse): void {
  const query = new URLSearchParams(seen.target.split("?").slice(1).join("?"));
  const number = (name: string): number | undefined =>
    query.has(name) ? Number(query.get(name)) : undefined;
  response.statusCode = number("status") ?? 200;
  for (const header of query.getAll("header")) {
    const at = header.indexOf(":");
    response.appendHeader(header.slice(0, at), header.slice(at + 1));
  }
  if (query.has("nodate")) response.sendDate = false;
  if (query.has("close")) response.shouldKeepAlive = false;
  if (query.has("close")) response.useChunkedEncodingByDefault = false;
  const reason = query.get("reason");
  if (reason !== null) response.statusMessage = reason;
  if ([204, 205, 304].includes(response.statusCode)) return void response.end();
  const gzip = number("gzip");
  if (gzip !== undefined)
    return void response.setHeader("content-encoding", "gzip").end(gzipSync(Buffer.alloc(gzip, "x")));
  const bytes = number("bytes");
  const chunk = number("chunked");
  if (bytes === undefined && chunk === undefined) {
    const { method, target, length, sha } = seen;
    response.setHeader("content-type", "application/json");
    return void response.end(JSON.stringify({ method, target, length, sha }));
  }
  if (chunk !== undefined) {
    for (let left = bytes ?? 0; left > 0; left -= chunk)
      response.write(Buffer.alloc(Math.min(left, chunk), "x"));
    const trailers = query.getAll("trailer").map((one) => one.split(":") as [string, string]);
    if (trailers.length > 0) response.addTrailers(trailers);
    return void response.end();
  }
  response.end(Buffer.alloc(bytes ?? 0, "x"));
}
