import { asObject, badAnswer } from "./error.ts";
import { repeatedly, type Answer } from "./request.ts";
import type { Wire } from "./wire.ts";

/** The items of a list, page by page as they are read. */
export async function* pages(
  wire: Wire,
  field: string,
  pathOf: (after: string | undefined) => string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Answer, void, undefined> {
  for (let after: string | undefined; ;) {
    const { status, body } = await repeatedly(wire, { method: "GET", path: pathOf(after), signal });
    const items: unknown = body[field];
    if (!Array.isArray(items)) throw badAnswer(field, status);
    for (const item of items as unknown[]) yield { status, body: asObject(item) ?? {} };
    const { next = null } = body;
    if (next === null) return;
    const place = typeof next === "number" || typeof next === "string" ? String(next) : undefined;
    if (place === undefined || place === after) throw badAnswer("next", status); // it would go on for ever
    after = place;
  }
}
