import { scanJson } from "../../shared/base/json-scan.ts";
import { EVENT_DATA } from "../../shared/session-log/event/session-event.ts";
import { refuse, type Refusal } from "../access/caller.ts";

/** Why JSON cannot be the data of an event; undefined if it can. Pure. */
export function dataProblem(data: Uint8Array): Refusal | undefined {
  if (data.length > EVENT_DATA.bytes)
    return refuse("body_too_large", `the data of one event is larger than ${EVENT_DATA.bytes} bytes`);
  const scan = scanJson(data, EVENT_DATA);
  if (scan.ok) return undefined;
  return scan.problem === "depth" || scan.problem === "values"
    ? refuse(
        "body_too_deep",
        `the data has more than ${EVENT_DATA.depth} levels or ${EVENT_DATA.values} values`,
      )
    : refuse("body_invalid_json", `byte ${scan.at} is no JSON in UTF-8`);
}
