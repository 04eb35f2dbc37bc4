import { isUtf8 } from "node:buffer";
import type { AgentProcess } from "./agent.ts";
import { parseJsonWithin, scanJson, type JsonLimits } from "../shared/base/json-scan.ts";
import { readLines } from "./lines.ts";

/** Longest line of an agent: a tool may have read a whole file. It is cut when it becomes an event. */
const MOST_LINE_BYTES: number = 64 * 1024 * 1024;
/** Deeper ones cannot be shown, and more values would take the worker's memory: each costs up to 100 bytes. */
const MESSAGE: JsonLimits & { bytes: number } = { bytes: MOST_LINE_BYTES, depth: 128, values: 1_000_000 };
/** Most requests of an agent that wait for an answer at one time: each may wait for a person. */
const MOST_ASKED = 100;
/** Most characters that are kept of what an agent says beside its messages: the end says what went wrong. */
const MOST_STDERR = 2000;

export type Params = Readonly<Record<string, unknown>>;

/** The other side refused a request. */
export class RpcError extends Error {
  readonly code: unknown;
  constructor(code: unknown, message: string) {
    super(message);
    this.code = code;
  }
}

/** What the other side wants. Messages are handed over one after the other. */
export type Handlers = {
  notified(method: string, params: Params): void | Promise<void>;
  /** Resolves with the result of a request. What it throws refuses the request; undefined says that there is no such method. */
  asked(method: string, params: Params): Promise<object> | undefined;
};

/** A connection of JSON-RPC over a program's stdin and stdout, one message a line. */
export type Rpc = {
  /** Rejects with {@link RpcError}, or when the program ends before it has answered. */
  request(method: string, params: Params): Promise<Params>;
  notify(method: string, params?: Params): void;
  /** Settles when the program has nothing more to say; with an error, if it cannot be understood. */
  over: Promise<void>;
  /** The end of what it said on stderr. */
  stderr(): string;
};

type Message = {
  id?: string | number;
  method?: string;
  params?: Params;
  result?: Params;
  error?: { code?: unknown; message?: string };
};

/** Talks to a program that has just been started. Lines that are no messages are passed over: some programs greet. `extra`: members of every message. */
export function openRpc(child: AgentProcess, handlers: Handlers, extra: object = {}): Rpc {
  const waiting = new Map<number, { resolve: (it: Params) => void; reject: (error: Error) => void }>();
  let last = "";
  let ids = 0;
  let ended = false;
  child.stderr.setEncoding("utf8").on("data", (text: string) => (last = (last + text).slice(-MOST_STDERR)));

  const send = (message: object): void =>
    void child.stdin.write(`${JSON.stringify({ ...extra, ...message })}\n`);
  const answer = answering(handlers, send);

  async function take({ id, method, params = {}, result, error }: Message): Promise<void> {
    if (method !== undefined) {
      if (id === undefined) await handlers.notified(method, params);
      else void answer(id, method, params); // it may wait for a person, and everything else goes on
      return;
    }
    const asked = waiting.get(Number(id));
    waiting.delete(Number(id));
    if (error === undefined) asked?.resolve(result ?? {});
    else asked?.reject(new RpcError(error.code, error.message ?? "refused"));
  }

  async function read(): Promise<void> {
    try {
      for await (const line of readLines(child.stdout, MOST_LINE_BYTES)) {
        const message = messageIn(line);
        if (message !== undefined) await take(message);
      }
      end(gone());
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  function end(why: Error): void {
    ended = true;
    for (const { reject } of waiting.values()) reject(why);
  }

  function gone(): Error {
    return new Error("the agent ended");
  }

  return {
    request(method, params) {
      if (ended) return Promise.reject(gone());
      const id = ++ids;
      const { promise, resolve, reject } = Promise.withResolvers<Params>();
      waiting.set(id, { resolve, reject });
      send({ id, method, params });
      return promise;
    },
    notify: (method, params) => send({ method, ...(params === undefined ? {} : { params }) }),
    over: read(),
    stderr: () => last.trim(),
  };
}

/** Answers what the other side asks, so much at one time. */
function answering(
  handlers: Handlers,
  send: (message: object) => void,
): (id: string | number, method: string, params: Params) => Promise<void> {
  let asking = 0;
  return async (id, method, params) => {
    asking++;
    try {
      if (asking > MOST_ASKED) throw new Error(`more than ${MOST_ASKED} requests wait for an answer`);
      const result = handlers.asked(method, params);
      if (result === undefined)
        send({ id, error: { code: -32_601, message: `there is no method ${method}` } });
      else send({ id, result: await result });
    } catch (error) {
      send({ id, error: { code: -32_603, message: error instanceof Error ? error.message : String(error) } });
    } finally {
      asking--;
    }
  };
}

/** Undefined for a line that is no message. Throws for one that is too large to be read. */
function messageIn(line: Buffer): Message | undefined {
  const text = isUtf8(line) ? line : Buffer.from(line.toString("utf8")); // what is no text is shown as such
  const value = parseJsonWithin(text, MESSAGE);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  const scan = value === undefined ? scanJson(text, MESSAGE) : undefined;
  if (scan?.ok === false && (scan.problem === "depth" || scan.problem === "values"))
    throw new Error("the agent sent a message that is nested too deeply, or has too many values");
  return undefined;
}
