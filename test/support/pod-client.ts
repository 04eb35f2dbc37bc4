import { randomUUID } from "node:crypto";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { SESSIONS_KEY } from "./serve.ts";

const PROTO = join(import.meta.dirname, "../../proto");

/** A message as the client reads it. Places are texts there. */
export type PodMessage = {
  id: string;
  session_id: string;
  seq: string;
  event_type: string;
  payload: string;
  created_at: { seconds: string; nanos: number } | null;
};

/** The status of a call that failed, or how a watch ended. */
export type Status = { code: grpc.status; details: string };

export type Watch = {
  /** Waits for so many messages in all, and returns them. Throws the status if the watch ends before. */
  first(count: number): Promise<PodMessage[]>;
  /** What came since the last call; waits if that is nothing. Undefined after the end. */
  next(): Promise<PodMessage[] | undefined>;
  /** How it ended. */
  ended: Promise<Status>;
  cancel(): void;
  pause(): void;
  resume(): void;
};

export type PodClient = {
  push(session: string, type: string, payload: string, more?: PushOptions): Promise<PodMessage>;
  watch(session: string, after?: string | number, options?: grpc.CallOptions): Watch;
  /** Calls a method of another service of ours. */
  call(service: string, method: string, request: object): Promise<Record<string, unknown>>;
  close(): void;
  [Symbol.dispose](): void;
};

/** `tries`: 1 for a client that repeats nothing. */
type PushOptions = { key?: string; user?: string; timeoutMs?: number; tries?: number };

/** How often a push is tried. */
const TRIES = 5;

type Stub = Record<string, (...args: unknown[]) => unknown> & { close(): void };

type Maker = new (...args: unknown[]) => Stub;
const makers = new Map<string, Maker>();

/** The class of a service's clients. Reading its file takes a while. */
function clientOf(file: string, name: string): Maker {
  const known = makers.get(name);
  if (known !== undefined) return known;
  const how = { includeDirs: [PROTO], keepCase: true, longs: String, enums: String, defaults: true };
  let at: unknown = grpc.loadPackageDefinition(loadSync(file, how));
  for (const part of name.split(".")) at = (at as Record<string, unknown>)[part];
  makers.set(name, at as Maker);
  return at as Maker;
}

/** A client of `ambient.v1.SessionService` by grpc-js, as the .proto file describes it. `ca`: of a server with TLS. `user`: whose sessions are meant, for a key that may act for all. */
export function podClient(
  url: string,
  { key = SESSIONS_KEY, ca, user: always }: { key?: string; ca?: string; user?: string } = {},
): PodClient {
  const { host } = new URL(url);
  const credentials =
    ca === undefined ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(Buffer.from(ca));
  const options = { "grpc.max_receive_message_length": 4 * 1024 * 1024 };
  const stub = (file: string, name: string): Stub => new (clientOf(file, name))(host, credentials, options);
  const sessions = stub("ambient/v1/sessions.proto", "ambient.v1.SessionService");
  const others = new Map<string, Stub>();
  const metadata = ({ key: idempotency, user = always }: PushOptions = {}): grpc.Metadata => {
    const head = new grpc.Metadata();
    if (key !== "") head.set("authorization", `Bearer ${key}`);
    if (idempotency !== undefined) head.set("idempotency-key", idempotency);
    if (user !== undefined) head.set("rr-user-id", user);
    return head;
  };

  function unary(of: Stub, method: string, request: object, more: PushOptions = {}): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const limit = { deadline: Date.now() + (more.timeoutMs ?? 20_000) };
    of[method]?.(request, metadata(more), limit, (error: Error | null, answer: unknown) =>
      error === null ? resolve(answer) : reject(error),
    );
    return promise;
  }

  /** Repeated with its key where the server could not tell what became of it: a loaded machine's log takes its time. */
  async function pushOn(request: object, more: PushOptions, tries: number): Promise<unknown> {
    try {
      return await unary(sessions, "PushSessionMessage", request, more);
    } catch (error) {
      if (tries === 1 || (error as Status).code !== grpc.status.UNAVAILABLE) throw error;
      return await pushOn(request, more, tries - 1);
    }
  }

  function close(): void {
    sessions.close();
    for (const other of others.values()) other.close();
  }

  return {
    push: (session, type, payload, more) => {
      const request = { session_id: session, event_type: type, payload };
      return pushOn(request, { key: randomUUID(), ...more }, more?.tries ?? TRIES) as Promise<PodMessage>;
    },
    watch(session, after = 0, callOptions = {}) {
      const request = { session_id: session, after_seq: String(after) };
      const stream = sessions["WatchSessionMessages"]?.(
        request,
        metadata(),
        callOptions,
      ) as grpc.ClientReadableStream<PodMessage>;
      return watchOf(stream);
    },
    call(service, method, request) {
      const [file, name] = FILES[service] ?? ["", ""];
      const of = others.get(service) ?? stub(file, name);
      others.set(service, of);
      return unary(of, method, request) as Promise<Record<string, unknown>>;
    },
    close,
    [Symbol.dispose]: close,
  };
}

const FILES: Record<string, [string, string]> = {
  health: ["grpc/health/v1/health.proto", "grpc.health.v1.Health"],
};

function watchOf(stream: grpc.ClientReadableStream<PodMessage>): Watch {
  const messages: PodMessage[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<Status>();
  let status: Status | undefined;
  let wake = (): void => undefined;
  stream.on("data", (message: PodMessage) => {
    messages.push(message);
    wake();
  });
  stream.on("error", () => undefined); // the status tells
  stream.on("status", (it: Status) => {
    status = it;
    end(it);
    wake();
  });
  let taken = 0;
  return {
    ended,
    async next() {
      while (messages.length === taken && status === undefined)
        await new Promise<void>((resolve) => (wake = resolve));
      const fresh = messages.slice(taken);
      taken = messages.length;
      return fresh.length === 0 ? undefined : fresh;
    },
    async first(count) {
      while (messages.length < count) {
        if (status !== undefined) throw new Error(`the watch ended with ${status.code} ${status.details}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
      return messages.slice(0, count);
    },
    cancel: () => stream.cancel(),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
  };
}
