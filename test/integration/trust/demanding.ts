import { request as httpRequest } from "node:http";
import { createBearerVerifier } from "../../support/bearer.ts";
import { serveHttp } from "../../support/http-server.ts";

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

  const server = await serveHttp(async (response, { method, target, headers, body }) => {
    const checked = await verifier.check(headers.authorization);
    const { authorization, ...others } = headers;
    seen.push({
      method,
      path: target,
      verdict: checked.ok ? "good" : checked.reason,
      authorization,
      text: `${target}\n${JSON.stringify(others)}\n${body}`,
    });
    const status = refusal?.path.test(target) ? refusal.status : checked.ok ? undefined : checked.status;
    if (status !== undefined) {
      response.writeHead(status, { "content-type": "application/json" });
      response.end('{"detail":"refused"}');
      return;
    }
    const onward = httpRequest(new URL(target, behind), { method, headers: others }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    onward.end(body);
  });
  return {
    url: server.url,
    seen,
    refuse(status, path = /^/) {
      refusal = status === undefined ? undefined : { status, path };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
