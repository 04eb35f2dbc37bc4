import type { PassThrough } from "node:stream";
import { USER_AGENT } from "../../shared/base/version.ts";
import type { ReadyCredential } from "../../shared/credentials/index.ts";
import { endToEnd } from "../../shared/http/hop-by-hop.ts";
import type { Opening } from "../../shared/messages/tunnel/opening.ts";
import { headLimit, type HeadLimits } from "./limits.ts";
import type { UpstreamRequest } from "./upstream.ts";

/** Headers that the relay writes, such as credentials and framing. A gateway sends none of them; if one does, they are not passed on beside ours. */
const OURS: ReadonlySet<string> = new Set(["authorization", "cookie", "host", "content-length", "expect"]);

function headersOf({ headers, upgrade }: Opening, pass: ReadyCredential, searched: boolean): string[] {
  const more = Object.keys(pass.headers).filter((name) => !OURS.has(name));
  // compressed frames could not be searched
  if (upgrade !== undefined && searched) more.push("sec-websocket-extensions");
  const ours = more.length === 0 ? OURS : new Set([...OURS, ...more]);
  const passed = [...endToEnd(headers, ours), ...Object.entries(pass.headers).flat()];
  // a firewall may refuse requests without a user agent; an executor that sends one keeps its own
  if (!passed.some((name, i) => i % 2 === 0 && name.toLowerCase() === "user-agent"))
    passed.push("User-Agent", USER_AGENT);
  return passed;
}

/** The request that the coordinator gets. `body`: where a body in frames comes from. `searched`: the answer is searched for the credential. Pure. */
export function requestOf(
  opening: Opening,
  given: {
    pass: ReadyCredential;
    body: PassThrough | undefined;
    headLimits: HeadLimits;
    searched: boolean;
  },
): UpstreamRequest {
  const { body, upgrade } = opening;
  return {
    method: opening.method,
    target: opening.target,
    headers: headersOf(opening, given.pass, given.searched),
    headLimitMs: headLimit(given.headLimits, opening.target),
    body: body.kind === "whole" ? body.bytes : given.body,
    ...(body.kind === "frames" && body.length !== undefined ? { length: body.length } : {}),
    ...(upgrade === undefined ? {} : { upgrade }),
  };
}
