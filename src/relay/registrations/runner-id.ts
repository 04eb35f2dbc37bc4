import { createJsonScanner, type JsonMember } from "../../shared/base/json-scan.ts";
import { usableRunnerId } from "../../shared/messages/runner-call.ts";
import { MAX_SESSION_TOKEN_BYTES } from "../../shared/log/schema/session-id.ts";

/** Deepest nesting of a report that is read. */
const MAX_DEPTH = 256;
/** A report may hold megabytes of an executor's output. It is read in slices of 3 ms, so that other sessions are served in between. */
const SLICE_BYTES: number = 64 * 1024;
/** Longest id in bytes of JSON, where each character may be written as `\u0061`. */
const MAX_TEXT_BYTES: number = 6 * MAX_SESSION_TOKEN_BYTES + 2;

/** The `runner_id` of a report's body. If it stands there twice the last one counts, as it does for the coordinator. Undefined if there is no usable one. */
export async function runnerIdOf(body: Uint8Array): Promise<string | undefined> {
  let found: JsonMember | undefined;
  const scanner = createJsonScanner(body, {
    depth: MAX_DEPTH,
    names: ["runner_id"],
    onMember(name, member) {
      if (name !== undefined) found = member;
    },
  });
  for (let scan = scanner.advance(SLICE_BYTES); ; scan = scanner.advance(SLICE_BYTES)) {
    if (scan === undefined) await new Promise<void>((resolve) => void setImmediate(resolve));
    else if (!scan.ok || found === undefined || found.to - found.valueFrom > MAX_TEXT_BYTES) return undefined;
    else return usableRunnerId(JSON.parse(Buffer.from(body.subarray(found.valueFrom, found.to)).toString()));
  }
}
