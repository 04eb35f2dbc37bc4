import { GatewayError, type SessionEvent, type Sessions } from "../../client/sessions/index.ts";
import type { Context } from "../context.ts";
import { printable } from "../render/text.ts";
import { saidIn } from "./event-text.ts";

/** Who asks: a turn of a session. */
type Asked = { client: Pick<Sessions, "decide" | "input">; session: string; note: (text: string) => void };

/**
 * Answers what an agent asks: a person at a terminal does. Without one, a permission is refused, because silence would let the agent wait for ever, and a question is left open.
 */
export async function answer(
  context: Pick<Context, "ask">,
  asked: Asked,
  event: SessionEvent,
): Promise<void> {
  try {
    if (event.type === "permission_request") await decide(context, asked, event);
    if (event.type === "input_required") await say(context, asked, event);
  } catch (error) {
    if (!isTooLate(error)) throw error;
    asked.note("it was answered elsewhere, or is over");
  }
}

async function decide(context: Pick<Context, "ask">, asked: Asked, event: SessionEvent): Promise<void> {
  const { request_id: request } = event.data;
  if (typeof request !== "string") return;
  const { client, session, note } = asked;
  const what = printable(saidIn(event)) || "to go on";
  const said = await context.ask(`Allow ${what}? [y/N] `);
  if (said === undefined) {
    note(`refused, because there is no terminal to ask at: ${what}`);
    return await client.decide(session, request, {
      allow: false,
      message: "nobody was there to be asked: the turn was not started at a terminal",
    });
  }
  const allow = /^y(es)?$/i.test(said.trim());
  await client.decide(session, request, allow ? { allow } : { allow, message: "the user refused" });
}

async function say(context: Pick<Context, "ask">, asked: Asked, event: SessionEvent): Promise<void> {
  const { client, session, note } = asked;
  const { input_id: id } = event.data;
  const question = printable(saidIn(event));
  const said = await context.ask(`${question}\n> `);
  if (said === undefined) return note(`the agent asks, and there is no terminal to answer at: ${question}`);
  await client.input(session, { ...(typeof id === "string" ? { input_id: id } : {}), response: said });
}

/** Somebody else answered first, or the turn is over. */
function isTooLate(error: unknown): boolean {
  return error instanceof GatewayError && error.status === 409;
}
