import { Pieces } from "../shared/base/pieces.ts";

/** Longest line that is kept, bytes: one event. */
const MAX_LINE_BYTES: number = 1024 * 1024;
const NEWLINE = 10;

/** The lines of a stream of bytes, without their ends. A line of more than `most` bytes ends the stream with an error; that is what an event may have, if nothing else is said. */
export async function* readLines(
  bytes: AsyncIterable<Uint8Array>,
  most: number = MAX_LINE_BYTES,
): AsyncGenerator<Buffer> {
  let rest = new Pieces(most);
  let isEmpty = true;
  const add = (piece: Uint8Array): void => {
    if (!rest.add(piece)) throw new Error(`a line of more than ${most} bytes`);
    isEmpty &&= piece.length === 0;
  };
  for await (const chunk of bytes) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end));
      yield bufferOf(rest);
      rest = new Pieces(most);
      isEmpty = true;
      from = end + 1;
    }
    add(chunk.subarray(from));
  }
  if (!isEmpty) yield bufferOf(rest);
}

function bufferOf(pieces: Pieces): Buffer {
  const { buffer, byteOffset, length } = pieces.whole();
  return Buffer.from(buffer, byteOffset, length);
}
