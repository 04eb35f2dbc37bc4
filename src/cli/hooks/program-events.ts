import { closeSync, openSync, readSync } from "node:fs";

/** How the list of all hook events begins in Claude Code, whether it is a script or one executable file. */
const BEGIN = Buffer.from('["PreToolUse",');
/** Longer than that list will be. Programs of 400 MB are read in pieces, which overlap by this. */
const MOST_LIST = 8192;
const PIECE: number = 4 * 1024 * 1024;

/** The hook events that a program of Claude Code knows: the longest list of them in its file. Undefined if there is none, or if the file cannot be read. */
export function eventsOfProgram(file: string): ReadonlySet<string> | undefined {
  let handle: number;
  try {
    handle = openSync(file, "r");
  } catch {
    return undefined;
  }
  try {
    return longestList(handle);
  } catch {
    return undefined; // a folder, or a disk that does not answer
  } finally {
    closeSync(handle);
  }
}

function longestList(handle: number): ReadonlySet<string> | undefined {
  const buffer = Buffer.alloc(PIECE + MOST_LIST);
  let longest: string[] = [];
  let kept = 0;
  for (;;) {
    const read = readSync(handle, buffer, kept, PIECE, null);
    const piece = buffer.subarray(0, kept + read);
    for (const list of listsIn(piece)) if (list.length > longest.length) longest = list;
    if (read === 0) break;
    kept = Math.min(MOST_LIST, piece.length);
    piece.copy(buffer, 0, piece.length - kept);
  }
  return longest.length === 0 ? undefined : new Set(longest);
}

/** The lists in a piece of a file. One that goes on behind the piece is found in the next. Pure. */
function listsIn(piece: Buffer): string[][] {
  const lists: string[][] = [];
  for (let at = piece.indexOf(BEGIN); at !== -1; at = piece.indexOf(BEGIN, at + BEGIN.length)) {
    const text = piece.toString("latin1", at, at + MOST_LIST);
    const [whole] = /^\["[A-Za-z]+"(?:,"[A-Za-z]+")*\]/.exec(text) ?? [];
    if (whole !== undefined) lists.push(JSON.parse(whole) as string[]);
  }
  return lists;
}
