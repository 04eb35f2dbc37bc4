import { expect } from "vitest";
import type { Agent, AgentEvents, AgentTurn } from "../../../src/agents/agent.ts";
import { isHidden } from "../../../src/shared/session-log/event/kinds.ts";
import { eventJson, readSessionEvent } from "../../../src/shared/session-log/event/session-event.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import type { Requested } from "../../../src/shared/session-log/turns/wish.ts";
import { ownSession, type OwnerDeps, type OwnerEnd, type OwnOptions } from "../../../src/worker/owner.ts";
import { anyFolder } from "../../support/agent-home.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { registry, sessionsBroker, workerHome, type Registry } from "../session-log/harness.ts";

type Shown = {
  n?: number;
  type: string;
  turn_id?: string;
  data: Record<string, unknown> & { text?: string; outcome?: string; resolved_by?: string };
};

type Owned = { deps: OwnerDeps; leave: () => void; over: Promise<OwnerEnd> };

/** A session at a broker of its own, and who may own it. */
export type OwnerWorld = {
  broker: TestBroker;
  client: Registry;
  session: Session;
  /** What lies in its log, but what no client sees. */
  events(): Promise<Shown[]>;
  /** `type turn what` of what the owner said. */
  said(): Promise<string[]>;
  /** Asks for a turn. */
  turn(id: string, input?: string): Promise<Requested>;
  /** What a process of its own needs to own the session. */
  home(): Promise<OwnerDeps>;
  /** Owns the session with a process of its own. */
  own(
    agent: Agent,
    changed?: Partial<OwnerDeps>,
    options?: Partial<Pick<OwnOptions, "maxBytes" | "pause">>,
  ): Promise<Owned>;
  /** Id of the newest question, once there is one. */
  openQuestion(): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startOwnerWorld(): Promise<OwnerWorld> {
  const broker = await sessionsBroker();
  const ending = new AbortController();
  const client = await registry(broker, ending.signal);
  const { session } = await createSession(client, { user: "ann", id: "s", kind: "worker", record: {} });
  const home = (): Promise<OwnerDeps> => workerHome(broker, ending.signal);

  async function events(): Promise<Shown[]> {
    const { events: stored } = await client.pages.read(`rr.ses.${session.name}.>`, 1);
    return stored
      .filter(({ subject }) => !isHidden(subject))
      .map((it) => {
        const read = readSessionEvent(it);
        if (!("event" in read)) throw new Error(`unreadable: ${it.subject}`);
        return JSON.parse(eventJson(read.event)) as Shown;
      });
  }

  async function said(): Promise<string[]> {
    const owned = (await events()).filter(({ n }) => n !== undefined);
    expect(owned.map(({ n }) => n)).toEqual(owned.map((_, i) => i + 1)); // without a gap
    return owned
      .filter(({ type }) => type !== "owner")
      .map(({ type, turn_id, data }) =>
        [type, turn_id, data.text ?? data.outcome ?? data.resolved_by]
          .filter((it) => it !== undefined)
          .join(" "),
      );
  }

  const turn = (id: string, input = "hello"): Promise<Requested> =>
    requestTurn(client, session, id, Buffer.from(JSON.stringify({ user_input: input })));

  async function own(
    agent: Agent,
    changed: Partial<OwnerDeps> = {},
    { maxBytes = 1e9, pause = { paused: () => false } }: Parameters<OwnerWorld["own"]>[2] = {},
  ): Promise<Owned> {
    const deps = { ...(await home()), ...changed };
    const leaving = new AbortController();
    const over = ownSession(deps, session, {
      worker: "w",
      ...anyFolder(agent),
      claim: { kind: "run", root: { root: "root", place: "place" } },
      idleMs: 60_000,
      pause,
      maxBytes,
      signal: leaving.signal,
    });
    over.catch(() => undefined);
    return { deps, leave: () => leaving.abort(), over };
  }

  async function openQuestion(): Promise<string> {
    return await eventually(async () => {
      const asked = (await events()).filter(({ type }) => type === "permission_request").at(-1);
      if (asked === undefined) throw new Error("nothing was asked");
      return String(asked.data["request_id"]);
    });
  }

  return {
    broker,
    client,
    session,
    events,
    said,
    turn,
    home,
    own,
    openQuestion,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await broker[Symbol.asyncDispose]();
    },
  };
}

type Started = { turn: AgentTurn; events: AgentEvents; signal: AbortSignal; end: () => void };

/** An agent whose turns the test runs. */
export function scripted(): { agent: Agent; started: Started[] } {
  const started: Started[] = [];
  return {
    started,
    agent: {
      run(of, told, signal) {
        const { promise, resolve } = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => resolve());
        started.push({ turn: of, events: told, signal, end: resolve });
        return promise.then(() => ({ outcome: "finished" as const }));
      },
    },
  };
}

/** The n-th turn of such an agent, from 0, once it has begun. */
export async function nth(started: readonly Started[], n: number): Promise<Started> {
  return await eventually(() => {
    const it = started[n];
    if (it === undefined) throw new Error(`turn ${n} has not begun`);
    return it;
  });
}
