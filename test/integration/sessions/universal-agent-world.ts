import { resolve } from "node:path";
import type { Agent } from "../../../src/agents/agent.ts";
import type { Access, Caller, Scope } from "../../../src/sessions/access/caller.ts";
import { refuse } from "../../../src/sessions/access/caller.ts";
import type { Workspaces } from "../../../src/sessions/access/workspaces.ts";
import { startWorker } from "../../../src/worker/worker.ts";
import { anyFolder } from "../../support/agent-home.ts";
import { startTestServe, type TestServe, type TestServeOptions } from "../../support/serve.ts";
import { openSocket, type Frame, type SocketReader } from "../../support/socket-reader.ts";
import { sessionsBroker, workerHome } from "../session-log/harness.ts";

/** A frame of the dialect. */
export type AgentFrame = Frame & { type: string; data: Record<string, unknown>; seq?: number };

/** Who a test's requests come from: a user, or `admin`, who may act for all. */
export const as = (user: string): { authorization: string } => ({ authorization: `Bearer ${user}` });

/** A key for each user: its name. */
const KEYS: Access = {
  async caller({ headers }) {
    const user = /^Bearer (\w+)$/.exec(headers.authorization ?? "")?.[1];
    if (user === undefined) return refuse("inbound_unauthorized", "a key is required");
    const scopes: Scope[] = ["read", "write", "user"];
    const caller: Caller = {
      user,
      scopes: new Set<Scope>(user === "admin" ? [...scopes, "admin"] : scopes),
      open: false,
      ended: new AbortController().signal,
    };
    return caller;
  },
};

/** A folder for each user, as below a root. */
const FOLDERS: Workspaces = {
  choose: async (_caller, user, asked) => asked && resolve("/w", user, asked),
};

export type World = {
  serve: TestServe;
  /** Another server on the same log. */
  another(options?: TestServeOptions): Promise<TestServe>;
  /** Lets turns go on that hold. */
  release(): void;
  /** What turns were asked, in order. */
  ran: string[];
  make(user: string, body?: object): Promise<string>;
  /** A socket of a session, behind its first frame. */
  open(user: string, id: string, options?: { query?: string; at?: TestServe }): Promise<SocketReader>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A server, and a worker whose agent does what its input says. */
export async function startWorld(options: TestServeOptions = {}): Promise<World> {
  await using starting = new AsyncDisposableStack();
  const broker = starting.use(await sessionsBroker());
  const stop = new AbortController();
  starting.defer(() => stop.abort());
  const ran: string[] = [];
  let held = Promise.withResolvers<void>();
  const another = async (more: TestServeOptions = {}): Promise<TestServe> =>
    await startTestServe(broker, { access: KEYS, workspaces: FOLDERS, ...options, ...more });
  const serve = starting.use(await another());
  const agent = scripted(ran, () => held.promise);
  const of = { name: "w", ...anyFolder(agent), maxBytes: 64 * 1024 * 1024 };
  const worker = startWorker(await workerHome(broker, stop.signal), of);
  starting.defer(() => worker.stop());
  const scope = starting.move();
  return {
    serve,
    another,
    ran,
    release() {
      held.resolve();
      held = Promise.withResolvers<void>();
    },
    async make(user, body = {}) {
      const { status, json } = await serve.call("POST", "/api/v1/sessions", body, as(user));
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(json)}`);
      return json.session_id;
    },
    async open(user, id, { query = "", at = serve } = {}) {
      const reader = await openSocket(`${at.url}/api/v1/sessions/${id}/stream${query}`, as(user));
      await reader.until(({ type }) => type === "connected");
      return reader;
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}

/** The steps of a turn by the first word of its input. */
function scripted(ran: string[], held: () => Promise<void>): Agent {
  return {
    async run({ request }, events, signal) {
      const input = String(request["user_input"]);
      ran.push(input);
      const text = (part: string): void => events.tell("text", { text: part, time_offset: 0.5 });
      switch (input.split(" ", 1)[0] ?? "") {
        case "tools":
          events.tell("session_info", { session_id: "s" });
          events.tell("thinking", { thinking: "hm" });
          text("Looking. ");
          events.tell("tool_call", { id: "c1", name: "ListDir", input: { path: "." } });
          events.tell("tool_result", { tool_call_id: "c1", result: "a.txt", is_error: false });
          text("Done.");
          events.tell("work_product", { path: "report.html" });
          events.tell("iteration_end", { iteration: 1 });
          break;
        case "hold":
          text("before ");
          await Promise.race([held(), new Promise((resolve) => signal.addEventListener("abort", resolve))]);
          text("after");
          break;
        case "boom":
          events.tell("error", { message: "scripted failure", code: "SCRIPTED", recoverable: false });
          events.tell("error", { message: "and another one" });
          break;
        case "recover":
          events.tell("error", { message: "slow down", recoverable: true });
          text("went on");
          break;
        case "ask":
          text((await events.ask({ tool_name: "Bash" })).allow ? "allowed" : "refused");
          break;
        case "long":
          for (let i = 0; i < 60; i++) text(`${i} ${"x".repeat(100_000)}`);
          break;
        default:
          text(`You said ${input}.`);
      }
      return { outcome: "finished" };
    },
  };
}

export const execute = (user_input: string, client_turn_id?: string): Frame => ({
  type: "execute",
  data: { user_input, force_complex: false, metadata: {}, ...(client_turn_id && { client_turn_id }) },
});

/** Everything up to the next frame of a type, or the next status of a name. */
export async function upTo(reader: SocketReader, name: string): Promise<AgentFrame[]> {
  const seen: AgentFrame[] = [];
  await reader.until((it) => {
    const frame = it as AgentFrame;
    seen.push(frame);
    return frame.type === name || (frame.type === "status" && frame.data["status"] === name);
  });
  return seen;
}

/** What frames are, in a line each: the type, and the name of a status. */
export function kinds(frames: readonly AgentFrame[]): string[] {
  return frames.map(({ type, data }) => (type === "status" ? `status ${String(data["status"])}` : type));
}

export function textOf(frames: readonly AgentFrame[]): string {
  return frames.flatMap(({ type, data }) => (type === "text" ? [data["text"]] : [])).join("");
}
