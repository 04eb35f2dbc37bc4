/** Smallest buffer that pieces are copied into. */
const LEAST_BYTES = 4096;

/**
 * Collects bytes that arrive in pieces in one buffer, up to a limit. A chunked body may arrive in pieces of one byte, and a list of them would cost a
 * hundred times as much. A single piece is kept without a copy.
 */
export class Pieces {
  readonly #limit: number;
  #only: Uint8Array | undefined;
  #buffer: Buffer | undefined;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds a piece. False if the limit would be exceeded; the piece is then not added. */
  add(piece: Uint8Array): boolean {
    if (this.#length + piece.length > this.#limit) return false;
    if (this.#length === 0 && this.#buffer === undefined) this.#only = piece;
    else {
      const buffer = this.#room(piece.length);
      if (this.#only !== undefined) buffer.set(this.#only);
      this.#only = undefined;
      buffer.set(piece, this.#length);
    }
    this.#length += piece.length;
    return true;
  }

  /** All bytes so far. */
  whole(): Uint8Array {
    return this.#only ?? this.#buffer?.subarray(0, this.#length) ?? new Uint8Array();
  }

  /** Makes room for this many more bytes. The buffer doubles, so that each byte is copied at most twice on average. */
  #room(more: number): Buffer {
    const needed = this.#length + more;
    const had = this.#buffer;
    if (had !== undefined && had.length >= needed) return had;
    const size = Math.min(this.#limit, Math.max(LEAST_BYTES, 2 * needed));
    this.#buffer = Buffer.allocUnsafeSlow(size);
    if (had !== undefined) had.copy(this.#buffer, 0, 0, this.#length);
    return this.#buffer;
  }
}
