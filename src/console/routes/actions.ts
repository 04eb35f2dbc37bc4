import { readShardCount } from "../../shared/log/state/read-shard-count.ts";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { codedError } from "../../shared/base/errors.ts";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Control } from "../../shared/log/state/control.ts";
import { deadLettersOf, readDeadLetter } from "../../shared/log/state/dead-letters.ts";
import { redrive } from "../../shared/log/state/redrive.ts";
import { sessionFilter } from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import { pauseTurns, resumeTurns } from "../../shared/session-log/state/pause.ts";
import { standingOf, type SessionSources } from "../../shared/messages/standing/session-standing.ts";
import type { TryAnswer } from "../../shared/messages/standing/try-now.ts";
import type { Action } from "../views/confirm.ts";
import { href, type Notice } from "../views/layout.ts";
import type { LetterSelection } from "../watch/letter-index.ts";
import { AGENT_ACTIONS, type AgentAction, type AgentActs, type AgentTarget } from "./agent-actions.ts";
import type { Done } from "./done.ts";
import type { LetterGroups } from "./letter-groups.ts";
import { numberOf, selectionOf, sessionOf } from "./parameters.ts";

/** What an action is done to, as an address or a form says it. */
export type Target = { session?: string; seq?: number; selection: LetterSelection; agent: AgentTarget };

export type Actions = {
  /** What is to be confirmed. Throws `usage` or `nothing_found`. */
  about(action: string | undefined, target: Target, sources: SessionSources): Promise<Action>;
  /** Does it. Throws `usage`, `nothing_found`, `session_id_invalid`, and what the broker throws. */
  carryOut(action: string, form: URLSearchParams): Promise<Done>;
};

type ActionDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  control: Control;
  log: Logger;
  groups: LetterGroups;
  agentActs: AgentActs;
  /** Asks relays not to wait. */
  tryNow: (session: string | undefined) => Promise<TryAnswer["tried"]>;
};

/** Who acts, in the console's log. */
const BY = "status page";

/** What the page can do, by the same functions as the operators' commands. Every action is logged. */
export function createActions(deps: ActionDeps): Actions {
  return {
    async about(action = "", { session, seq, selection, agent }, sources) {
      if (isAgentAction(action)) return deps.agentActs.about(action, agent);
      switch (action) {
        case "redrive":
          return aboutRedrive(deps.jsm, seq);
        case "redrive-all":
        case "drop-all":
          return deps.groups.about(action, selection);
        case "try":
          return session === undefined ? { action } : { action, session };
        case "pause":
        case "resume":
          if (session === undefined) return { action };
          return { action, session, parked: standingOf(session, sources)?.state === "parked" };
        default:
          throw usage();
      }
    },
    async carryOut(action, form) {
      const { session, seq, selection, agent } = targetOf((name) => form.get(name));
      if (isAgentAction(action))
        return deps.agentActs.carryOut(action, agent, form.get("text")?.trim() ?? "");
      switch (action) {
        case "redrive":
          return redriveOne(deps, seq);
        case "redrive-all":
        case "drop-all":
          return deps.groups.carryOut(action, selection);
        case "try":
          return doTry(deps, session);
        case "pause":
        case "resume":
          return session === undefined
            ? pauseAll(deps, action, form)
            : pauseSession(deps, action, { session, form });
        default:
          throw usage();
      }
    },
  };
}

function isAgentAction(action: string): action is AgentAction {
  return AGENT_ACTIONS.some((it) => it === action);
}

/** Throws `session_id_invalid` and `usage`. Pure. */
export function targetOf(get: (name: string) => string | null | undefined): Target {
  const session = get("session");
  const seq = numberOf(get("seq") ?? undefined);
  const text = (name: string): string | undefined => get(name) ?? undefined;
  return {
    agent: { agent: text("agent"), request: text("request"), turn: text("turn") },
    ...(session === null || session === undefined ? {} : { session: sessionOf(session) }),
    ...(seq === undefined ? {} : { seq }),
    selection: selectionOf(get),
  };
}

async function aboutRedrive(jsm: JetStreamManager, seq: number | undefined): Promise<Action> {
  const letter = seq === undefined ? undefined : await readDeadLetter(jsm, seq);
  if (letter === undefined) throw goneLetter();
  const later = await jsm.direct.getMessage(EVENTS_STREAM, {
    seq: letter.origSeq + 1,
    next_by_subj: sessionFilter(letter.session, await readShardCount(jsm)),
  });
  return { action: "redrive", letter, overtaken: later !== null };
}

async function redriveOne({ nc, jsm, log }: ActionDeps, seq: number | undefined): Promise<Done> {
  const asked = seq === undefined ? undefined : await readDeadLetter(jsm, seq);
  if (asked === undefined) throw goneLetter();
  // an event that died more than once is sent once, as the command does it
  const letters = await deadLettersOf(jsm, asked.id);
  const letter = letters.pop() ?? asked;
  const older = letters.map((it) => it.seq);
  const at = await redrive({ nc, jsm }, letter, older);
  log.warn({ event: letter.id, session: letter.session, seq: at, by: BY }, "event redriven");
  const text = `Event ${letter.id} of session ${letter.session} is requeued as sequence ${at}.`;
  return { path: "/dead", notice: { mood: "good", text } };
}

const TRIED: Record<TryAnswer["tried"], Notice> = {
  session: { mood: "good", text: "The session is tried now." },
  coordinator: { mood: "good", text: "The coordinator is asked now." },
  nothing: { mood: "bad", text: "Nothing waits for a next try, or no relay answers." },
};

async function doTry({ log, tryNow }: ActionDeps, session: string | undefined): Promise<Done> {
  const tried = await tryNow(session);
  log.info({ session, tried, by: BY }, "an operator did not want to wait for the next try");
  return { path: session === undefined ? "/" : href("/session", { id: session }), notice: TRIED[tried] };
}

type Pausing = "pause" | "resume";

/** As the commands do it: with the turns of agent sessions, where this login may pause them. */
async function pauseAll(
  { nc, jsm, clock, control, log }: ActionDeps,
  action: Pausing,
  form: URLSearchParams,
): Promise<Done> {
  const text = form.get("text")?.trim() ?? "";
  const turns = await (
    action === "pause"
      ? pauseTurns({ nc, jsm, clock }, { text, by: BY }).then((paused) => paused !== "absent")
      : resumeTurns({ nc, jsm })
  ).catch(() => false);
  if (action === "pause") await control.pauseAll(text);
  else if (!(await control.resumeAll()) && !turns)
    throw codedError("nothing_found", "Nothing was paused any more.");
  log.warn({ action, text, by: BY }, "an operator paused or resumed on the status page");
  const said =
    action === "pause"
      ? `Everything is paused: relays stop within a second${turns ? ", and workers begin no turn" : ""}.`
      : "Resumed: relays send again within a second.";
  return { path: "/", notice: { mood: "good", text: said } };
}

async function pauseSession(
  { control, log }: ActionDeps,
  action: Pausing,
  { session, form }: { session: string; form: URLSearchParams },
): Promise<Done> {
  const text = form.get("text")?.trim() ?? "";
  if (action === "pause") await control.pauseSession(session, text);
  else await control.resumeSession(session, { skipHead: form.get("skip") === "head" });
  log.warn({ action, session, text, by: BY }, "an operator paused or resumed on the status page");
  const said =
    action === "pause"
      ? `Session ${session} pauses within a second.`
      : `Session ${session} resumes within a second.`;
  return { path: href("/session", { id: session }), notice: { mood: "good", text: said } };
}

function usage(): Error {
  return codedError("usage", "The page does not know this action.");
}

/** Somebody was faster. */
export function goneLetter(): Error {
  return codedError("nothing_found", "This dead letter is gone: it was redriven or dropped meanwhile.");
}
