import type { HttpErrorCode } from "../../shared/base/errors.ts";
import { readAction, type Action, type BadAction, type Fields, type SessionAction } from "./action.ts";
import type { SocketEvents } from "./socket-events.ts";

/** What became of an action. `answer` is what the client wants to know of it. */
export type Outcome =
  | { kind: "done"; answer: Fields }
  | { kind: "refused"; code: HttpErrorCode; detail: string };

/** What a client can have done with its session. Does not throw for what can be expected. */
export type Act = (action: SessionAction, fields: Fields) => Promise<Outcome>;

/** Carries out a frame, and sends the reply: in this order, but that the events of a `resume` come behind its reply. */
export type Requests = (bytes: Uint8Array, isText: boolean) => Promise<void>;

const BINARY: BadAction = { code: "body_invalid_json", detail: "a frame is a JSON text, not binary" };

export function createRequests(
  act: Act,
  events: SocketEvents,
  reply: (fields: Fields) => Promise<void>,
): Requests {
  async function carryOut(action: Action): Promise<Outcome> {
    if (action.action === "ping") return { kind: "done", answer: {} };
    if (action.action === "resume") {
      await events.stop(); // none of those before comes behind the reply
      return { kind: "done", answer: {} };
    }
    // the turn's own events must not be missed
    if (action.action === "execute" && !events.watching()) await events.begin(await events.latest());
    return await act(action.action, action.fields);
  }

  return async (bytes, isText) => {
    const read = isText ? readAction(bytes) : { bad: BINARY };
    if ("bad" in read) return await reply({ ...read.bad, ok: false });
    const { action, ref } = read;
    const outcome = await carryOut(read);
    const head = { action, ...(ref === undefined ? {} : { ref }) };
    if (outcome.kind === "done") await reply({ ...head, ok: true, ...outcome.answer });
    else await reply({ ...head, ok: false, code: outcome.code, detail: outcome.detail });
    if (read.action === "resume") await events.begin(read.start);
  };
}
