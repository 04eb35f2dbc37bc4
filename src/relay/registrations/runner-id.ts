import { createJsonScanner, type JsonMember } from "../../shared/base/json-scan.ts";
import { usableRunnerId } from "../../shared/messages/runner-call.ts";
import { MAX_SESSION_TOKEN_BYTES } from "../../shared/log/schema/session-id.ts";

/** Nesting of a report that is read. */
const MAX_DEPTH = 256;
/** A report may quote megabytes of an executor's last words. It is read in slices of 3 ms, so that others are served meanwhile. */
const SLICE_BYTES: number = 64 * 1024;
/** In JSON each character may be written as `\u0061`. */
const MAX_TEXT_BYTES: number = 6 * MAX_SESSION_TOKEN_BYTES + 2;

/** `runner_id` of a report's body; the last one counts, as for the coordinator. Undefined where it names no usable one. */
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
