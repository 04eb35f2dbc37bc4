import { pino } from "pino";
import { systemClock, type Clock } from "../../src/shared/base/clock.ts";
import { silentLogger } from "../../src/shared/base/logger.ts";
import type { Access } from "../../src/sessions/access/caller.ts";
import { singleKeyAccess } from "../../src/sessions/access/single-key.ts";
import { ANY_WORKSPACE, type Workspaces } from "../../src/sessions/core/workspaces.ts";
import { startServe, type Serve, type ServeOptions } from "../../src/sessions/serve.ts";
import type { TestBroker } from "./broker.ts";

/** The key with all scopes of a test's server of sessions. */
export const SESSIONS_KEY = "test-key-of-the-sessions-0123456789";

export type Answer = {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests say what they expect of it
  json: any;
};

/** A server of sessions inside the test's process, on its own connection. */
export type TestServe = Serve & {
  /** Failures for which its process would have ended. */
  fatal: Error[];
  /** A request with the key. A body that is no text is sent as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type TestServeOptions = Partial<ServeOptions> & {
  access?: Access;
  workspaces?: Workspaces;
  clock?: Clock;
  onLine?: (line: string) => void;
};

/** Starts a server on a broker with a log of sessions: `await using serve = await startTestServe(broker)`. */
export async function startTestServe(
  broker: TestBroker,
  {
    access = singleKeyAccess(SESSIONS_KEY),
    clock = systemClock,
    onLine,
    workspaces = ANY_WORKSPACE,
    ...options
  }: TestServeOptions = {},
): Promise<TestServe> {
  const nc = await broker.connect("serve");
  const fatal: Error[] = [];
  const maxBody = 4 * 1024 * 1024;
  const started = await startServe(
    { version: "test", listen: "127.0.0.1", port: 0, keptPort: undefined, maxBody, ...options },
    {
      nc,
      clock,
      log: onLine === undefined ? silentLogger() : pino({ level: "trace" }, { write: onLine }),
      access,
      workspaces,
      linesDropped: () => 0,
      fatal: (error) => fatal.push(error),
    },
  );
  return {
    ...started,
    fatal,
    call: (method, path, body, headers = {}) => request(started.url + path, method, body, headers),
    [Symbol.asyncDispose]: () => started.close(),
  };
}

async function request(
  url: string,
  method: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const answer = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${SESSIONS_KEY}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json: unknown = /json/.test(answer.headers.get("content-type") ?? "") ? JSON.parse(text) : text;
  return { status: answer.status, headers: answer.headers, json };
}
