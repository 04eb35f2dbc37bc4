import { free } from "../base/free.ts";

/** Smaller pieces than this are copied together: each costs some 200 bytes to keep, whatever it holds. */
const CRUMB_BYTES = 1024;
/** Largest block that crumbs are copied into; the first is small, because many bodies send little and then nothing. */
const BLOCK_BYTES: number = 16 * 1024;
const FIRST_BLOCK_BYTES = 256;
/** A body in more pieces than this whose pieces hold next to nothing is refused: reading it costs a microsecond for each, in everybody's way. */
export const MOST_CRUMBS: number = 64 * 1024;
export const NEXT_TO_NOTHING_BYTES = 16;

/** A body's pieces as they came, except that crumbs are copied together: 4 MiB in chunks of one byte would take 600 MB otherwise. */
export class Parts {
  #kept: Buffer[] = [];
  #block: Buffer | undefined;
  #used = 0;
  #pieces = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes of a piece, on average. */
  get mean(): number {
    return this.#size / this.#pieces;
  }

  /** It comes in too many pieces, each of too few bytes, to be read on. */
  get crumbled(): boolean {
    return this.#pieces > MOST_CRUMBS && this.#size < this.#pieces * NEXT_TO_NOTHING_BYTES;
  }

  add(piece: Buffer): void {
    this.#pieces++;
    this.#size += piece.length;
    // what comes in one piece is kept without a copy
    if (piece.length >= CRUMB_BYTES || this.#pieces === 1) this.#keep(piece);
    else this.#copy(piece);
  }

  /** Everything so far, and whether it is a copy of ours; the piece itself if it is one. The parts are empty afterwards, and their memory is given back. */
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
