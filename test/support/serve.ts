import { pino } from "pino";
import { systemClock, type Clock } from "../../src/shared/base/clock.ts";
import { silentLogger } from "../../src/shared/base/logger.ts";
import type { Access } from "../../src/sessions/access/caller.ts";
import { createAccess } from "../../src/sessions/access/access.ts";
import { createExpiries } from "../../src/sessions/access/expiries.ts";
import { createKeyRing } from "../../src/sessions/access/key-ring.ts";
import { wholeKey } from "../../src/sessions/access/keys.ts";
import type { Entrance } from "../../src/sessions/access/open-access.ts";
import { createPageGuard } from "../../src/sessions/access/page-guard.ts";
import type { Workspaces } from "../../src/sessions/access/workspaces.ts";
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
  /** What differs from a server on loopback with one key. */
  entrance?: Partial<Entrance>;
  workspaces?: Workspaces;
  clock?: Clock;
  onLine?: (line: string) => void;
};

/** Takes every folder that is asked for. */
const ANY_FOLDER: Workspaces = { choose: async (_caller, _user, asked) => asked };

function oneKey(clock: Clock): Access {
  const keys = createKeyRing(new Uint8Array(32), [wholeKey(SESSIONS_KEY)]);
  return createAccess({ keys, tokens: undefined, expiries: createExpiries(clock), open: false });
}

function entranceWith(access: Access): Entrance {
  return {
    access,
    guard: createPageGuard({ listen: "127.0.0.1", hosts: [], origins: new Set() }),
    origins: new Set(),
    proxies: [],
    tls: undefined,
    limits: { watchers: 1000, turns: 64, sessions: 1000, writes: 1000 },
    close: () => undefined,
  };
}

/** Starts a server on a broker with a log of sessions: `await using serve = await startTestServe(broker)`. */
export async function startTestServe(broker: TestBroker, given: TestServeOptions = {}): Promise<TestServe> {
  const { clock = systemClock, workspaces = ANY_FOLDER, access, entrance, onLine, ...options } = given;
  const nc = await broker.connect("serve");
  const fatal: Error[] = [];
  const maxBody = 4 * 1024 * 1024;
  const started = await startServe(
    {
      version: "test",
      listen: "127.0.0.1",
      port: 0,
      keptPort: undefined,
      maxBody,
      textDedupe: false,
      runners: undefined,
      ...options,
    },
    {
      nc,
      clock,
      log: onLine === undefined ? silentLogger() : pino({ level: "trace" }, { write: onLine }),
      entrance: { ...entranceWith(access ?? oneKey(clock)), ...entrance },
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
