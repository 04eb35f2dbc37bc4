import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Control } from "../../shared/log/state/control.ts";
import { deadLettersOf, readDeadLetter, redrive } from "../../shared/log/state/dead-letters.ts";
import { codedError } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { sessionFilter } from "../../shared/log/schema/subjects.ts";
import { EVENTS_STREAM } from "../../shared/log/schema/topology.ts";
import type { Action } from "../views/confirm.ts";
import { href, type Notice } from "../views/layout.ts";
import { standingOf, type SessionSources } from "../../shared/messages/standing/session-standing.ts";

/** Where to go after an action, and what to say there. */
export type Done = { path: string; notice: Notice };

export type Actions = {
  /** What has to be confirmed. Throws `usage` or `nothing_found`. */
  about(
    action: string | undefined,
    what: { session: string | undefined; seq: number | undefined },
    sources: SessionSources,
  ): Promise<Action>;
  /** Does it. Throws `usage`, `nothing_found`, `session_id_invalid`, and what the broker throws. */
  carryOut(action: string, form: URLSearchParams): Promise<Done>;
};

/** What the page can do, by the same functions as the operators' commands. Every action is logged. */
// oxlint-disable-next-line max-lines-per-function -- two lists of what the page can do: what it says before, and what it does
export function createActions(deps: {
  nc: NatsConnection;
  jsm: JetStreamManager;
  control: Control;
  log: Logger;
}): Actions {
  const { nc, jsm, control, log } = deps;

  async function again(seq: number): Promise<Done> {
    const asked = Number.isSafeInteger(seq) && seq > 0 ? await readDeadLetter(jsm, seq) : undefined;
    if (asked === undefined) throw goneLetter();
    // an event that died more than once is sent once, as the command does it
    const letters = await deadLettersOf(jsm, asked.id);
    const letter = letters.pop() ?? asked;
    const older = letters.map((it) => it.seq);
    const at = await redrive(nc, jsm, letter, older);
    log.warn({ event: letter.id, session: letter.session, seq: at, by: "status page" }, "event redriven");
    return {
      path: "/dead",
      notice: {
        mood: "good",
        text: `Event ${letter.id} of session ${letter.session} is requeued as sequence ${at}.`,
      },
    };
  }

  return {
    async about(action, { session, seq }, sources) {
      if (action === "redrive") {
        const letter = seq === undefined ? undefined : await readDeadLetter(jsm, seq);
        if (letter === undefined) throw goneLetter();
        const later = await jsm.direct.getMessage(EVENTS_STREAM, {
          seq: letter.origSeq + 1,
          next_by_subj: sessionFilter(letter.session),
        });
        return { action, letter, overtaken: later !== null };
      }
      if (action !== "pause" && action !== "resume") throw usage();
      if (session === undefined) return { action };
      return { action, session, parked: standingOf(session, sources)?.state === "parked" };
    },
    async carryOut(action, form) {
      const session = form.get("session");
      const text = form.get("text")?.trim() ?? "";
      const by = "status page";
      if (action === "redrive") return again(Number(form.get("seq")));
      if (action !== "pause" && action !== "resume") throw usage();
      if (session === null) {
        if (action === "pause") await control.pauseAll(text);
        else if (!(await control.resumeAll())) throw codedError("nothing_found", "Nothing was paused.");
        log.warn({ action, text, by }, "an operator paused or resumed in the console");
        const said =
          action === "pause"
            ? "Everything is paused: relays stop within a second."
            : "Resumed: relays send again within a second.";
        return { path: "/", notice: { mood: "good", text: said } };
      }
      if (action === "pause") await control.pauseSession(session, text);
      else await control.resumeSession(session, { skipHead: form.get("skip") === "head" });
      log.warn({ action, session, text, by }, "an operator paused or resumed in the console");
      const said =
        action === "pause"
          ? `Session ${session} pauses within a second.`
          : `Session ${session} resumes within a second.`;
      return { path: href("/session", { id: session }), notice: { mood: "good", text: said } };
    },
  };
}

function usage(): Error {
  return codedError("usage", "This action does not exist.");
}

/** Somebody was faster. */
export function goneLetter(): Error {
  return codedError("nothing_found", "This dead letter is gone: it was redriven or dropped meanwhile.");
}
