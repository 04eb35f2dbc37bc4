import { free } from "../base/free.ts";

/** Smaller pieces than this are copied together, because each costs about 200 bytes besides its contents. */
const CRUMB_BYTES = 1024;
/** Largest block for small pieces. The first block is small, because many senders send a few bytes and then nothing. */
const BLOCK_BYTES: number = 16 * 1024;
const FIRST_BLOCK_BYTES = 256;
/** A body in more pieces than this is refused if they are tiny, because reading costs a microsecond per piece, which delays all others. */
export const MOST_CRUMBS: number = 64 * 1024;
export const NEXT_TO_NOTHING_BYTES = 16;

/** A body's pieces as they came, except that small ones are copied together. Otherwise 4 MiB in chunks of one byte would take 600 MB. */
export class Parts {
  #kept: Buffer[] = [];
  #block: Buffer | undefined;
  #used = 0;
  #pieces = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Average bytes per piece. */
  get mean(): number {
    return this.#size / this.#pieces;
  }

  /** True if the body comes in too many tiny pieces. */
  get crumbled(): boolean {
    return this.#pieces > MOST_CRUMBS && this.#size < this.#pieces * NEXT_TO_NOTHING_BYTES;
  }

  add(piece: Buffer): void {
    this.#pieces++;
    this.#size += piece.length;
    // a body in one piece is kept without a copy
    if (piece.length >= CRUMB_BYTES || this.#pieces === 1) this.#keep(piece);
    else this.#copy(piece);
  }

  /** All bytes so far, and whether they are a copy; a single piece is returned as it is. Afterwards the parts are empty, and their memory is freed. */
  take(): { bytes: Buffer; own: boolean } {
    this.#closeBlock();
    const [first] = this.#kept;
    if (this.#kept.length === 1 && first !== undefined) {
      this.#kept = [];
      return { bytes: first, own: false };
    }
    const bytes = Buffer.concat(this.#kept, this.#size);
    this.free();
    return { bytes, own: true };
  }

  free(): void {
    this.#closeBlock();
    this.#kept.forEach(free);
    this.#kept = [];
  }

  #keep(piece: Buffer): void {
    this.#closeBlock();
    this.#kept.push(piece);
  }

  #copy(piece: Buffer): void {
    if (this.#block === undefined || this.#used + piece.length > this.#block.length) {
      this.#closeBlock();
      const size = Math.min(BLOCK_BYTES, Math.max(FIRST_BLOCK_BYTES, this.#size, piece.length));
      this.#block = Buffer.allocUnsafeSlow(size);
    }
    piece.copy(this.#block, this.#used);
    this.#used += piece.length;
  }

  #closeBlock(): void {
    if (this.#block !== undefined) this.#kept.push(this.#block.subarray(0, this.#used));
    this.#block = undefined;
    this.#used = 0;
  }
}
