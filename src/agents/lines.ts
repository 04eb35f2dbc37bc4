/** Longest line that is kept, bytes: one event. */
const MAX_LINE_BYTES: number = 1024 * 1024;

/** The lines of a stream of bytes, without their ends. A line of more than `most` bytes ends the stream with an error; that is what an event may have, if nothing else is said. */
export async function* readLines(
  bytes: AsyncIterable<Uint8Array>,
  most: number = MAX_LINE_BYTES,
): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    let text = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10)) {
      yield text.subarray(0, end);
      text = text.subarray(end + 1);
    }
    if (text.length > most) throw new Error(`the agent sent a line of more than ${most} bytes`);
    rest = text;
  }
  if (rest.length > 0) yield rest;
}
