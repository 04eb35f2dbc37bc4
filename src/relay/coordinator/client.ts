import { errors, type Dispatcher } from "undici";
import { withoutMark } from "../../shared/base/byte-order-mark.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { SecretRegistry } from "../../shared/base/logger.ts";
import { USER_AGENT } from "../../shared/base/version.ts";
import { ClosedInUse, openConnections } from "./connections/index.ts";
import { unpack } from "./unpack.ts";
import { Pieces } from "../../shared/base/pieces.ts";
import type { AttemptResult } from "./verdict.ts";

// client.ts makes one request on connections/ · target.ts builds its path · unpack.ts and answer-body.ts read the answer · verdict.ts judges it, clarify.ts and
// health.ts if another server may have answered · late-bind.ts judges binds that come late · gate.ts decides whether anything is sent: breaker.ts, refusals.ts,
// refused-tokens.ts · backoff.ts says when to try again · dead-letters.ts, superseded.ts and answers.ts store and tell what became of an event · echo/ strikes
// credentials out
// Making a request, judging its answer and deciding for all sessions are three things: the judgement is pure and has the tables of tests, and the gate alone
// knows more than one session. No file of this folder knows of lanes, so every part that needs the coordinator asks here.

/** Answers are small; a longer one is cut off and counts as broken. */
const MAX_ANSWER_BYTES: number = 4 * 1024 * 1024;

/**
 * Goes with every request. Firewalls refuse requests without a user agent, and some servers compress unless a request says which codings it accepts.
 */
const ALWAYS = { "user-agent": USER_AGENT, "accept-encoding": "identity" };

const NOTHING: Uint8Array = new Uint8Array();

type Secrets = Pick<SecretRegistry, "hide">;

export type CoordinatorRequest = {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Path below the coordinator's base URL, encoded already. */
  path: string;
  headers: Record<string, string>;
  body?: Uint8Array;
  /** On a connection of its own: a kept one was closed as it was used. */
  fresh?: boolean;
};

/** One attempt under way. */
export type Attempt = {
  result: Promise<AttemptResult>;
  /** Ends it as `yielded` or `timeout`, or as a broken answer if its head is here. */
  abort(cause: "yielded" | "timeout"): void;
};

/** The way to the coordinator: HTTP with keep-alive, no redirects followed, credentials only as the caller gives them. */
export type Coordinator = {
  send(request: CoordinatorRequest): Attempt;
  close(): Promise<void>;
};

/** Translates undici's and the system's errors; all of them pass here. */
function causeOf(error: Error): "connect" | "timeout" | "closed" | "reset" | "garbage" {
  if (error instanceof ClosedInUse) return "closed";
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return "timeout";
  if (error instanceof errors.ConnectTimeoutError) return "connect";
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError)
    return "garbage";
  const code = "code" in error ? String(error.code) : "";
  const syscall = "syscall" in error ? String(error.syscall) : "";
  if (error instanceof AggregateError || syscall === "connect" || syscall === "getaddrinfo") return "connect";
  if (
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(
      code,
    )
  ) {
    return "connect";
  }
  return "reset";
}

/** An answer of success is data: a password that is also a word must not damage it. */
const LEAST_LENGTH = 8;

/** A coordinator's texts reach executors, dead letters, states and logs. */
function withoutSecrets(
  answer: AttemptResult & { kind: "response" },
  secrets: Secrets,
): AttemptResult & { kind: "response" } {
  const least = answer.status < 300 ? LEAST_LENGTH : 0;
  const hide = (text: string): string => secrets.hide(text, least);
  let { body } = answer;
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8");
  const hidden = hide(text);
  if (hidden !== text) body = Buffer.from(hidden); // bytes that are no text stay as they are
  let { headers } = answer;
  for (const [name, value] of Object.entries(headers)) {
    const shown = typeof value === "string" ? hide(value) : value?.map(hide);
    if (String(shown) !== String(value)) headers = { ...headers, [name]: shown };
  }
  return { ...answer, headers, body };
}

/** Collects one answer; a class because one is made per attempt on the hot path. */
class Collector implements Dispatcher.DispatchHandler, Attempt {
  readonly result: Promise<AttemptResult>;
  readonly #secrets: Secrets;
  #resolve!: (result: AttemptResult) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Record<string, string | string[] | undefined> = {};
  readonly #body = new Pieces(MAX_ANSWER_BYTES);
  #aborted: "yielded" | "timeout" | undefined;

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  abort(cause: "yielded" | "timeout"): void {
    this.#aborted = cause;
    this.#controller?.abort(new Error(cause)); // calls onResponseError before it returns
    this.#resolve({ kind: "failed", cause, text: "given up" });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(new Error(this.#aborted));
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#body.add(chunk)) controller.abort(new Error("the answer is too long"));
  }

  onResponseEnd(): void {
    this.#finish(false);
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#status >= 200) return this.#finish(true);
    if (this.#aborted) this.#resolve({ kind: "failed", cause: this.#aborted, text: "given up" });
    else {
      const cause = causeOf(error);
      const text = errorText(error); // Node's begins with the system call: "connect ECONNREFUSED …"
      const short = text.startsWith(`${cause} `) ? text.slice(cause.length + 1) : text;
      this.#resolve({ kind: "failed", cause, text: short });
    }
  }

  #finish(broken: boolean): void {
    const body = this.#body.whole();
    const coding = this.#headers["content-encoding"];
    if (coding === undefined) return this.#answer(body, broken);
    this.#headers = { ...this.#headers };
    delete this.#headers["content-encoding"];
    if (body.length === 0 || broken) return this.#answer(NOTHING, broken);
    // a body that cannot be read is like one that was broken off: the head counts
    const give = (plain: Uint8Array | undefined): void => this.#answer(plain ?? NOTHING, plain === undefined);
    void unpack(body, coding, MAX_ANSWER_BYTES).then(give, () => give(undefined));
  }

  #answer(body: Uint8Array, broken: boolean): void {
    const answer = {
      kind: "response",
      status: this.#status,
      headers: this.#headers,
      body: withoutMark(body),
      broken,
    } as const;
    this.#resolve(withoutSecrets(answer, this.#secrets));
  }
}

export function createCoordinator(options: {
  url: string;
  connections: number;
  attemptTimeoutMs: number;
  /** Answers may quote the credential that was sent; it ends here (CRED-1). */
  secrets: Secrets;
}): Coordinator {
  const base = new URL(options.url);
  const prefix = base.pathname === "/" ? "" : base.pathname.replace(/\/+$/, "");
  const limits = {
    connections: options.connections,
    headersTimeout: options.attemptTimeoutMs,
    bodyTimeout: options.attemptTimeoutMs,
  };
  const kept = openConnections(base.origin, { ...limits, kept: true });
  const fresh = openConnections(base.origin, { ...limits, kept: false });

  return {
    send(request) {
      const handler = new Collector(options.secrets);
      (request.fresh === true ? fresh : kept).dispatch(
        {
          method: request.method,
          path: prefix + request.path,
          headers: { ...ALWAYS, ...request.headers },
          body: request.body ?? null,
        },
        handler,
      );
      return handler;
    },
    close: async () => void (await Promise.all([kept.destroy(), fresh.destroy()])),
  };
}
