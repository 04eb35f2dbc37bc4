import type { ServerResponse } from "node:http";
import { serveHttp } from "../../support/http-server.ts";

/** A request as the coordinator got it. */
type Got = { target: string; key: string | undefined; body: string };

/** A coordinator that takes what it gets, and answers what is to wait only when it is let. */
export type SlowCoordinator = {
  url: string;
  got: Got[];
  /** Requests that wait. */
  readonly held: number;
  /** Answers all that wait. */
  release(): void;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `holds` says of a target whether its answers wait. */
export async function startSlowCoordinator(holds: (target: string) => boolean): Promise<SlowCoordinator> {
  const got: Got[] = [];
  const waiting: { target: string; response: ServerResponse }[] = [];
  const answer = (target: string, response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ ok: true, of: target }));
  };
  const server = await serveHttp((response, { target, headers, body }) => {
    const key = headers["idempotency-key"];
    got.push({ target, key: typeof key === "string" ? key : undefined, body });
    if (holds(target)) waiting.push({ target, response });
    else answer(target, response);
  });
  return {
    url: server.url,
    got,
    get held() {
      return waiting.length;
    },
    release() {
      for (const { target, response } of waiting.splice(0)) answer(target, response);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
