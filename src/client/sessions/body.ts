import { GatewayError } from "./error.ts";

/** Longest answer that is read whole, bytes. The largest is a page of a list: 1,000 sessions of 2 KiB each, as JSON. */
export const MAX_ANSWER_BYTES: number = 16 * 1024 * 1024;
/** Longest refusal, bytes. Ours take some hundred; a proxy may send a page. */
export const MAX_REFUSAL_BYTES: number = 256 * 1024;

/** Reads an answer's body as text. Throws `answer_too_large` as soon as it is longer than `maxBytes`. */
export async function readText(response: Response, maxBytes: number): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let bytes = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > maxBytes) {
      await reader.cancel().catch(() => undefined);
      const message = `the answer is longer than ${maxBytes} bytes`;
      throw new GatewayError("answer_too_large", message, { status: response.status });
    }
    text += decoder.decode(value, { stream: true });
  }
}
