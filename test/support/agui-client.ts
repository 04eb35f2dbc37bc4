import { AbstractAgent, HttpAgent, type BaseEvent, type Message } from "@ag-ui/client";
import { from, type Observable } from "rxjs";
import type { AguiEvent } from "../../src/sessions/dialects/ag-ui/agui-event.ts";

/** A client of AG-UI, the official one, that reads events without a connection. What it has read before it keeps. */
export type OfficialClient = {
  /** Reads a stream to its end. Rejects at the first event that it does not take. */
  read(events: readonly AguiEvent[]): Promise<void>;
  messages(): Message[];
  state(): unknown;
};

class Listed extends AbstractAgent {
  events: readonly AguiEvent[] = [];

  run(): Observable<BaseEvent> {
    return from(JSON.parse(JSON.stringify(this.events)) as BaseEvent[]);
  }
}

export function officialClient(): OfficialClient {
  const agent = new Listed({ threadId: "s1" });
  return {
    async read(events) {
      agent.events = events;
      if (events.length > 0) await agent.runAgent();
    },
    messages: () => agent.messages,
    state: () => agent.state,
  };
}

/** The official client of a session's events over HTTP, which by itself only knows how to ask for runs. */
export type SessionReader = {
  /** Reads from a cursor on until the stream has given the event at the place `last`. */
  readTo(last: number, query?: string, headers?: Record<string, string>): Promise<void>;
  messages(): Message[];
};

class Reader extends HttpAgent {
  protected override requestInit(): RequestInit {
    return { headers: this.headers };
  }
}

export function sessionReader(url: string, key: string): SessionReader {
  const agent = new Reader({ url, threadId: "reader" });
  return {
    async readTo(last, query = "", headers = {}) {
      agent.url = `${url}${query}`;
      agent.headers = { authorization: `Bearer ${key}`, ...headers };
      agent.fetch = async (address, init) => endingAt(last, await fetch(address, init));
      await agent.runAgent();
    },
    messages: () => agent.messages,
  };
}

/** The answer up to the event whose id names this place, or a later one. */
function endingAt(last: number, answer: Response): Response {
  if (answer.body === null || !answer.ok) return answer;
  let text = "";
  const decoder = new TextDecoder();
  const cut = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      text += decoder.decode(chunk, { stream: true });
      controller.enqueue(chunk);
      const whole = text.slice(0, text.lastIndexOf("\n\n"));
      const ids = [...whole.matchAll(/^id: (\d+)/gm)].map(([, seq]) => Number(seq));
      if (Math.max(0, ...ids) >= last) controller.terminate();
    },
  });
  return new Response(answer.body.pipeThrough(cut), answer);
}
