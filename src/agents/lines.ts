/** Longest line that is kept, bytes: one event. */
const MAX_LINE_BYTES: number = 1024 * 1024;

/** The lines of a stream of bytes, without their ends. A line that is longer than an event may be ends the stream with an error. */
export async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    let text = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10)) {
      yield text.subarray(0, end);
      text = text.subarray(end + 1);
    }
    if (text.length > MAX_LINE_BYTES)
      throw new Error(`the agent sent a line of more than ${MAX_LINE_BYTES} bytes`);
    rest = text;
  }
  if (rest.length > 0) yield rest;
}
