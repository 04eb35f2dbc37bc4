/** Smallest buffer that pieces are copied into. */
const LEAST_BYTES = 4096;

/**
 * Bytes that come in pieces, kept in one buffer up to a limit. A list of pieces would cost a hundred times their bytes if each had one: a chunked
 * body may be cut like that. One piece alone is kept as it is, without a copy.
 */
export class Pieces {
  readonly #limit: number;
  #only: Uint8Array | undefined;
  #buffer: Buffer | undefined;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False if the limit is passed; the piece is then left out. */
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

  /** Everything so far. */
  whole(): Uint8Array {
    return this.#only ?? this.#buffer?.subarray(0, this.#length) ?? new Uint8Array();
  }

  /** A buffer with room for this many more bytes; it doubles, so that each byte is copied twice at the most, on average. */
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
