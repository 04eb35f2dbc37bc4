import type { Attempt, Coordinator, CoordinatorRequest } from "../../src/relay/coordinator/client.ts";
import type { AttemptResult } from "../../src/relay/coordinator/verdict.ts";
import type { Random } from "../faults/random.ts";
import type { Schedule, SimProcess } from "./schedule.ts";

/** How the coordinator behaves now. */
export type Mood =
  | "well"
  /** 503 for everything. */
  | "unavailable"
  /** No connection can be made. */
  | "refusing"
  /** Carries out what comes, and the answer is lost. */
  | "losing_answers"
  /** Answers after seconds. */
  | "slow"
  /** 401 for everything: the credential was withdrawn. */
  | "unauthorized"
  /** An answer of a server in front of it, without the coordinator's form. */
  | "html";

/** An event as it came to the coordinator. */
export type Arrival = {
  session: string;
  n: number;
  key: string;
  applied: boolean;
  refused: boolean;
  at: number;
};

function sessionIn({ path }: Pick<CoordinatorRequest, "path">): string {
  return decodeURIComponent(path.split("/")[2] ?? "");
}

const JSON_TYPE = { "content-type": "application/json" };
const SLOW_MS = 3000;

function answer(status: number, body: unknown): AttemptResult {
  return {
    kind: "response",
    status,
    headers: JSON_TYPE,
    body: Buffer.from(JSON.stringify(body)),
    broken: false,
  };
}

/** The stand-in's little brother: a ledger of what came, and bad days on request. */
export class SimCoordinator {
  mood: Mood = "well";
  /** Sessions whose events are refused for good. */
  readonly poison = new Set<string>();
  readonly arrivals: Arrival[] = [];
  readonly #schedule: Schedule;
  readonly #random: Random;
  /** Answers by status or cause. */
  readonly answers = new Map<string, number>();

  constructor(schedule: Schedule, random: Random) {
    this.#schedule = schedule;
    this.#random = random;
  }

  /** Is told of each event at the moment when a relay sends it. */
  onSend: ((session: string, process: SimProcess) => void) | undefined;

  /** The way of one relay process to it. */
  portFor(process: SimProcess): Coordinator {
    return { send: (request) => this.#send(request, process), close: () => Promise.resolve() };
  }

  #latency(): number {
    return 0.3 + 1.5 * this.#random.next();
  }

  #send(request: CoordinatorRequest, process: SimProcess): Attempt {
    const { promise, resolve } = Promise.withResolvers<AttemptResult>();
    let over = false;
    if (request.method !== "GET") this.onSend?.(sessionIn(request), process);
    const end = (result: AttemptResult): void => {
      if (over) return;
      over = true;
      this.#count(result.kind === "response" ? String(result.status) : result.cause);
      resolve(result);
    };
    const back = (result: AttemptResult, ms: number): void => {
      this.#schedule.after(ms, () => end(result), process);
    };
    // a request that is on its way arrives, whatever becomes of the one who sent it
    this.#schedule.after(
      this.#latency(),
      () => {
        const [result, ms] = this.#receive(request);
        if (result !== undefined) back(result, ms);
      },
      null,
    );
    return { result: promise, abort: (cause) => end({ kind: "failed", cause, text: "given up" }) };
  }

  #count(what: string): void {
    this.answers.set(what, (this.answers.get(what) ?? 0) + 1);
  }

  #receive(request: CoordinatorRequest): [AttemptResult | undefined, number] {
    const ms = this.#latency();
    switch (this.mood) {
      case "refusing":
        return [{ kind: "failed", cause: "connect", text: "ECONNREFUSED" }, ms];
      case "unavailable":
        return [answer(503, { detail: "restarting" }), ms];
      case "unauthorized":
        return [answer(401, { detail: "token revoked" }), ms];
      case "html":
        return [
          {
            kind: "response",
            status: 502,
            headers: { "content-type": "text/html" },
            body: Buffer.from("<html>bad gateway"),
            broken: false,
          },
          ms,
        ];
      case "losing_answers":
        this.#apply(request);
        return [{ kind: "failed", cause: "reset", text: "ECONNRESET" }, ms];
      case "slow":
        return [this.#apply(request), SLOW_MS * (0.5 + this.#random.next())];
      case "well":
        return [this.#apply(request), ms];
    }
  }

  #apply({ path, headers, body, method }: CoordinatorRequest): AttemptResult {
    if (method === "GET") return answer(200, { status: "ok" });
    const session = sessionIn({ path });
    const { n } = JSON.parse(Buffer.from(body ?? []).toString()) as { n: number };
    const key = headers["idempotency-key"] ?? headers["Idempotency-Key"] ?? "";
    const refused = this.poison.has(session);
    this.arrivals.push({ session, n, key, applied: !refused, refused, at: this.#schedule.now() });
    this.#schedule.trace(`coordinator ${refused ? "refuses" : "takes"} ${session}:${n}`);
    return refused ? answer(422, { detail: "cannot be processed" }) : answer(200, { ok: true });
  }
}
