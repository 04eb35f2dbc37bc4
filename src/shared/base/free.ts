/** Smaller ones are left to the collector, which has them soon. */
const WORTH_FREEING_BYTES: number = 16 * 1024;

/**
 * Gives the memory of a large buffer back at once, if it is the buffer's own. The collector does not see how much hangs on a buffer: large bodies
 * that nobody needs any more would pile up to several times what may be held. Code that uses the buffer after this finds it empty.
 */
export function free(buffer: Uint8Array): void {
  const memory = buffer.buffer;
  if (buffer.length < WORTH_FREEING_BYTES || memory.byteLength !== buffer.length) return;
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}
