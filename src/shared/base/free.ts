/** Smaller buffers are left to the garbage collector. */
const WORTH_FREEING_BYTES: number = 16 * 1024;

/**
 * Frees the memory of a large buffer at once, if the buffer owns it. The garbage collector does not see how large a buffer's memory is, so unused
 * bodies would pile up to several times the limit. Code that uses the buffer after this finds it empty.
 */
export function free(buffer: Uint8Array): void {
  const memory = buffer.buffer;
  if (buffer.length < WORTH_FREEING_BYTES || memory.byteLength !== buffer.length) return;
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}
