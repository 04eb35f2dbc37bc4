import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request as the server got it, with its whole body. */
export type Got = { method: string; target: string; headers: IncomingHttpHeaders; body: string };

export type HttpServer = {
  /** Without a slash at its end. */
  url: string;
  /** All requests so far. */
  got: Got[];
  /** Breaks what is open off. */
  [Symbol.asyncDispose](): Promise<void>;
};

/** A server on a free port that answers each request by `answer`, once its body has come. A request that breaks off is none. */
export async function serveHttp(
  answer: (response: ServerResponse, got: Got) => unknown,
): Promise<HttpServer> {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    text(request).then(
      (body) => {
        const { method = "", url: target = "", headers } = request;
        const it = { method, target, headers, body };
        got.push(it);
        return answer(response, it);
      },
      () => undefined,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    got,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
