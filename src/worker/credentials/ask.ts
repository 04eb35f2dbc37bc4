import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";

/** What a server answered, or why it did not. */
export type Asked = { kind: "answered"; status: number; body: Buffer } | { kind: "failed"; why: string };

/** How long one answer may take, with its body. */
export const ANSWER_MS = 10_000;
/** Most bytes of an answer. A kubeconfig with its certificates has a tenth of that. */
export const ANSWER_BYTES: number = 1024 * 1024;

/**
 * Asks for something with a token. A redirect is an answer like any other, so that nobody else gets the token; each request has a connection of its own. Rejects with the reason of
 * `signal`, and for nothing else.
 */
export async function ask(
  { clock, signal }: { clock: Pick<Clock, "after">; signal: AbortSignal },
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<Asked> {
  signal.throwIfAborted();
  const over = new AbortController();
  const late = clock.after(ANSWER_MS, () => over.abort(new Error(`no answer within ${ANSWER_MS / 1000} s`)));
  try {
    return await exchange(url, headers, AbortSignal.any([signal, over.signal]));
  } catch (error) {
    signal.throwIfAborted();
    return { kind: "failed", why: errorText(over.signal.aborted ? over.signal.reason : error) };
  } finally {
    late();
    over.abort(); // what it still sends is not read
  }
}

function exchange(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Asked> {
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const asking = request(
      url,
      { agent: false, signal, headers: { accept: "application/json", ...headers } },
      (answer) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        answer.on("error", reject);
        answer.on("data", (part: Buffer) => {
          bytes += part.length;
          if (bytes <= ANSWER_BYTES) parts.push(part);
          else reject(new Error(`the answer has more than ${ANSWER_BYTES} bytes`));
        });
        answer.on("end", () => {
          resolve({ kind: "answered", status: answer.statusCode ?? 0, body: Buffer.concat(parts) });
        });
      },
    );
    asking.on("error", reject);
    asking.end();
  });
}
