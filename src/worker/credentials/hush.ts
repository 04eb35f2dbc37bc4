import type { AgentEnd, AgentEvents, Archive } from "../../agents/agent.ts";
import type { TurnSecrets } from "./secrets.ts";

/** What an agent says, without the secrets of its turn: the log keeps it, and others read it. */
export type Hushed = {
  events: AgentEvents;
  /** Says what was held back. Call it when the agent has ended. */
  end(of: AgentEnd): AgentEnd;
};

/** A secret is found as it is and encoded, also if it comes in pieces of one text. An agent that wants to hand it out can: reversed, or a letter at a time. */
export function hush(events: AgentEvents, secrets: TurnSecrets): Hushed {
  let held: { type: "text" | "thinking"; block: string; text: string } | undefined;

  function release(): void {
    const it = held;
    held = undefined;
    if (it !== undefined) events.piece(it.type, it.block, secrets.hide(it.text));
  }

  function data(of: Record<string, unknown>): Record<string, unknown> {
    const text = JSON.stringify(of);
    const hidden = secrets.hide(text);
    return hidden === text ? of : parsed(hidden);
  }

  return {
    events: {
      piece(type, block, text) {
        if (held !== undefined && (held.type !== type || held.block !== block)) release();
        const hidden = secrets.hide((held?.text ?? "") + text);
        const at = hidden.length - secrets.beginning(hidden);
        held = at === hidden.length ? undefined : { type, block, text: hidden.slice(at) };
        if (at > 0) events.piece(type, block, hidden.slice(0, at));
      },
      tell(type, of) {
        release();
        events.tell(type, data(of));
      },
      room: () => events.room(),
      ask(of) {
        release();
        return events.ask(data(of));
      },
      hear: (listener) => events.hear(listener),
      archive: events.archive && hushed(events.archive, secrets),
    },
    end(of) {
      release();
      return of.data === undefined ? of : { ...of, data: data(of.data) };
    },
  };
}

/** Only a secret that lies on the border of two parts is kept. */
function hushed(archive: Archive, secrets: TurnSecrets): Archive {
  return { ...archive, add: (part) => archive.add({ ...part, text: secrets.hide(part.text) }) };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { hidden: true }; // a secret that is a part of JSON's own signs
  }
}
