/** A part of a text, as the log has it. `block` names the text. */
export type Piece = { words: string; block: unknown; seq: number; at: number };

/** A text of an agent that is not whole yet. */
export type Spoken = {
  /** False if it goes no further: the piece is of another text. */
  add(piece: Piece): boolean;
  /** The text with the place and time of its last piece, which is forgotten then; undefined if there is none. */
  take(): Omit<Piece, "block"> | undefined;
};

/** A text is one message, but not longer than this: it waits in this process until it is whole. */
const MAX_CHARS = 256 * 1024;

/** Joins the pieces of texts, one text after the other. */
export function createSpoken(): Spoken {
  let pieces: Piece[] = [];
  let chars = 0;
  return {
    add(piece) {
      const isOther = pieces.length > 0 && pieces[0]?.block !== piece.block;
      if (isOther || (pieces.length > 0 && chars + piece.words.length > MAX_CHARS)) return false;
      pieces.push(piece);
      chars += piece.words.length;
      return true;
    },
    take() {
      const last = pieces.at(-1);
      const words = pieces.map((piece) => piece.words).join("");
      pieces = [];
      chars = 0;
      return last === undefined ? undefined : { words, seq: last.seq, at: last.at };
    },
  };
}
