import { bodyOf, done, invalid, type Call, type Reply } from "./call.ts";
import { EVENT_FIELDS } from "./models.ts";
import type { Route } from "./router.ts";
import type { AddEvent } from "./session-routes.ts";
import { checkFields, isObject, type Field, type JsonObject } from "./validation.ts";

const BATCH_FIELDS: readonly Field[] = [{ name: "events", type: "list", required: true }];
const ITEM_FIELDS: readonly Field[] = [
  { name: "key", type: "string", required: true },
  { name: "body", type: "object", required: true },
];

/**
 * `POST /sessions/{session_id}/events:batch` with `{events: [{key, session_id, seq, body}]}`: each item is judged as if its body had
 * come alone; `onItem` gets it with its reply. Not part of the real coordinator.
 */
export function batchRoute(
  addEvent: AddEvent,
  onItem: (call: Call, item: JsonObject, reply: Reply) => void,
): Route {
  function judge(sessionId: string, item: JsonObject): Reply {
    const problems = checkFields(item, ITEM_FIELDS);
    const event = item["body"];
    if (problems.length > 0 || !isObject(event)) return invalid(problems);
    const wrong = checkFields(event, EVENT_FIELDS);
    return wrong.length > 0 ? invalid(wrong) : addEvent(sessionId, event);
  }

  return {
    method: "POST",
    path: "/sessions/{session_id}/events:batch",
    handle: (call) => {
      const { body, refusal } = bodyOf(call, BATCH_FIELDS);
      if (refusal) return refusal;
      const results = (body["events"] as unknown[]).map((value) => {
        const item = isObject(value) ? value : {};
        const reply = judge(call.params[0] ?? "", item);
        onItem(call, item, reply);
        const failed = reply.status < 400 ? {} : (JSON.parse(reply.body) as { detail: unknown });
        return { key: item["key"], status: reply.status, ...failed };
      });
      return done(200, { results });
    },
  };
}
