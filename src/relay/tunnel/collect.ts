import { Pieces } from "../../shared/base/pieces.ts";
import { unpack } from "../coordinator/unpack.ts";
import type { Upstream, UpstreamCall, UpstreamRequest } from "./upstream.ts";

/** An answer read to its end. */
export type Collected =
  | { kind: "answer"; status: number; statusText: string; headers: string[]; body: Uint8Array }
  | { kind: "failed"; code: string; text: string };

/** Longest answer that is collected. Answers to a runner's calls are shorter. */
const MAX_BYTES: number = 4 * 1024 * 1024;

/** The answer without content codings, because relay and gateway both read it. An answer that cannot be unpacked stays as it came. */
async function readable(answer: Collected & { kind: "answer" }): Promise<Collected> {
  const { headers, body } = answer;
  const isCoding = (_: string, i: number): boolean =>
    headers[i - (i % 2)]?.toLowerCase() === "content-encoding";
  const codings = headers.filter((text, i) => isCoding(text, i) && i % 2 === 1);
  if (codings.length === 0 || body.length === 0) return answer;
  const plain = await unpack(body, codings, MAX_BYTES).catch(() => undefined);
  if (plain === undefined) return answer;
  const ofOtherBytes = new Set(["content-encoding", "content-length"]);
  const kept = headers.filter((_, i) => !ofOtherBytes.has(headers[i - (i % 2)]?.toLowerCase() ?? ""));
  return { ...answer, headers: kept, body: plain };
}

/** Sends a request and reads its whole answer. */
export function collect(
  upstream: Upstream,
  request: UpstreamRequest,
): { result: Promise<Collected>; call: UpstreamCall } {
  let call: UpstreamCall | undefined;
  const result = new Promise<Collected>((resolve) => {
    let head = { status: 0, statusText: "", headers: [] as string[] };
    const body = new Pieces(MAX_BYTES);
    call = upstream.call(request, {
      head(status, statusText, headers) {
        head = { status, statusText, headers };
      },
      data(chunk) {
        if (!body.add(chunk)) {
          call?.abort();
          resolve({ kind: "failed", code: "tunnel_broken", text: "the answer is too long" });
        }
        return true;
      },
      end: () => void readable({ kind: "answer", ...head, body: body.whole() }).then(resolve),
      failed: (code, text) => resolve({ kind: "failed", code, text }),
    });
  });
  return { result, call: { resume: () => call?.resume(), abort: () => call?.abort() } };
}
