import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { createBearerVerifier } from "../../support/bearer.ts";

/** What the front saw of one request. */
type Seen = {
  method: string;
  path: string;
  /** What it said about the credentials: `good`, or why not. */
  verdict: string;
  authorization: string | undefined;
  /** Client secrets and tokens never come in another place. */
  text: string;
};

/** A front that demands bearer tokens of an issuer, checked by its published keys, before a coordinator that demands nothing. */
export type DemandingCoordinator = {
  url: string;
  seen: readonly Seen[];
  /** From now on these requests get this status, whatever they bring; `undefined` ends it. */
  refuse(status: 401 | 403 | undefined, path?: RegExp): void;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `behind`: URL of the coordinator that gets what is let through. Checks RS256 signature, issuer, audience and expiry. */
export async function startDemanding(
  behind: string,
  expected: { issuer: string; audience: string },
): Promise<DemandingCoordinator> {
  const verifier = createBearerVerifier(expected);
  const seen: Seen[] = [];
  let refusal: { status: number; path: RegExp } | undefined;

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => void take(Buffer.concat(chunks)));

    async function take(body: Buffer): Promise<void> {
      const { method = "", url = "", headers } = request;
      const checked = await verifier.check(headers.authorization);
      const { authorization, ...others } = headers;
      seen.push({
        method,
        path: url,
        verdict: checked.ok ? "good" : checked.reason,
        authorization,
        text: `${url}\n${JSON.stringify(others)}\n${body.toString()}`,
      });
      const status = refusal?.path.test(url) ? refusal.status : checked.ok ? undefined : checked.status;
      if (status !== undefined) {
        response.writeHead(status, { "content-type": "application/json" });
        response.end('{"detail":"refused"}');
        return;
      }
      const onward = httpRequest(new URL(url, behind), { method, headers: others }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on("error", () => response.destroy());
      onward.end(body);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    refuse(status, path = /^/) {
      refusal = status === undefined ? undefined : { status, path };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
