import type { WebSocket } from "@fastify/websocket";
import type { Session } from "../../../shared/session-log/registry/entry.ts";
import { isRefusal, type Caller, type Refusal } from "../../access/caller.ts";
import { CLOSE_CODES, type Closing } from "../../stream/closing.ts";
import type { Sent } from "../../stream/follow.ts";
import { createSocketEvents } from "../../stream/socket-events.ts";
import { runSocket, type SocketProtocol, type SocketSide } from "../../stream/socket-run.ts";
import type { StreamDeps } from "../../stream/sse.ts";
import type { Start } from "../../stream/start.ts";
import { readCommand, type Command } from "./command.ts";
import { notice } from "./frame.ts";
import { connectedFrame, lobbyFrame, processingFrame } from "./greeting.ts";
import { lobbyAnswer } from "./lobby.ts";
import { shownSession } from "./shown.ts";
import type { TalkDeps } from "./place.ts";
import { createTalk, type Talk } from "./talk.ts";
import { createTeller } from "./tell.ts";

// command.ts reads a client's frame, talk.ts carries it out (execute.ts and admit.ts ask for a turn, lobby.ts is for sockets without a session) · tell.ts makes frames of what the log
// has (event-frames.ts, end-frames.ts) · greeting.ts has the first ones, frame.ts their form · ../../stream sends and receives, and notices clients that are slow or gone

export type AgentSocketDeps = StreamDeps & TalkDeps;

export type AgentSocketOptions = {
  caller: Caller;
  /** The session that the client names; without one there will be one with its first turn. */
  id: string | undefined;
  start: Start;
};

/** The session is not there, was deleted or belongs to somebody else. */
const NOT_FOUND = { code: 4004, reason: "Session not found" };

/** Where a client is: in a session, or not yet. */
type Hall =
  | { kind: "lobby" }
  | { kind: "session"; talk: Talk; watching: () => boolean; stop: () => Promise<void> };

/** Serves a socket until there is a reason to end. Never rejects. `error`: why it failed. */
export function serveAgentSocket(
  deps: AgentSocketDeps,
  socket: WebSocket,
  options: AgentSocketOptions,
): Promise<{ why: Closing; error?: unknown }> {
  return runSocket(deps, socket, options.caller.ended, (side) => createVisit(deps, options, side));
}

function createVisit(
  deps: AgentSocketDeps,
  { caller, id, start }: AgentSocketOptions,
  side: SocketSide,
): SocketProtocol {
  const { sessions, now } = deps;
  const { ending, say, failed } = side;
  let hall: Hall = { kind: "lobby" };

  async function greet(): Promise<void> {
    if (id === undefined) return await say(lobbyFrame(now()));
    const session = await sessions.find(caller, id);
    if (!isRefusal(session)) hall = await enter(deps, { caller, session, start, side });
    else if (session.code === "session_unknown") ending.end("deleted");
    else failed(trouble(session));
  }

  async function inLobby(command: Command): Promise<void> {
    const answers = lobbyAnswer(command, now());
    for (const frame of answers ?? []) await say(frame);
    if (answers !== undefined) return;
    const session = await sessions.make(caller, {});
    if (isRefusal(session))
      return await say(notice("error", { message: "Failed to create session", code: session.code }, now()));
    hall = await enter(deps, { caller, session, start: "latest", side });
    if (hall.kind === "session") await hall.talk(command);
  }

  return {
    begin: greet,
    async handle(bytes) {
      const command = readCommand(bytes);
      await (hall.kind === "lobby" ? inLobby(command) : hall.talk(command));
    },
    watching: () => hall.kind === "session" && hall.watching(),
    stop: async () => (hall.kind === "session" ? await hall.stop() : undefined),
    // the program has no frame for an end: the code says it
    farewell: (why) => (why === "deleted" ? NOT_FOUND : { code: CLOSE_CODES[why], reason: why }),
  };
}

/** Greets a client in its session, and has the events sent from then on. */
async function enter(
  deps: AgentSocketDeps,
  of: { caller: Caller; session: Session; start: Start; side: SocketSide },
): Promise<Hall> {
  const { sessions, now } = deps;
  const { caller, session, start, side } = of;
  const { outlet, say, failed } = side;
  const teller = createTeller(now);
  const send = (item: Sent): boolean =>
    teller
      .frames(item)
      .map((frame) => outlet.send(Buffer.from(JSON.stringify(frame))))
      .at(-1) ?? true;
  const events = createSocketEvents(deps, { ...side, session: session.name, send });
  const latest = await events.latest(); // first, so that what happens during the greeting is told behind it
  const active = await sessions.active(caller, session);
  if (isRefusal(active)) {
    failed(trouble(active));
    return { kind: "lobby" };
  }
  const from = start === "latest" ? latest : start;
  await say(connectedFrame(shownSession(session), from.seq, now()));
  if (active.turn !== undefined) await say(processingFrame(active.turn, now()));
  const begin = async (at: Start, running?: string): Promise<void> => {
    await events.stop();
    teller.begin(running);
    await events.begin(at);
  };
  await begin(from, active.turn);
  const talk = createTalk(deps, { caller, place: { session, teller, begin }, say });
  return { kind: "session", talk, watching: () => events.watching(), stop: () => events.stop() };
}

function trouble({ code, detail }: Refusal): Error {
  return new Error(`${code}: ${detail}`);
}
