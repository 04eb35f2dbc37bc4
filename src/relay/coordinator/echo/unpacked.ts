import type { Transform } from "node:stream";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";
import { ZSTD_WINDOW } from "../unpack.ts";
import type { Needles } from "./needles.ts";
import { createScreen } from "./screen.ts";

const OPTIONS = { chunkSize: 64 * 1024 };

/** Content codings that can be unpacked. `deflate` is sent with and without the header of its format. */
const DECODERS: Record<string, (first: number) => Transform> = {
  gzip: () => createGunzip(OPTIONS),
  "x-gzip": () => createGunzip(OPTIONS),
  deflate: (first) => ((first & 0x0f) === 8 ? createInflate(OPTIONS) : createInflateRaw(OPTIONS)),
  br: () => createBrotliDecompress(OPTIONS),
  zstd: () => createZstdDecompress({ ...OPTIONS, params: ZSTD_WINDOW }),
};
/** A frame of zstd that asks for more memory than {@link ZSTD_WINDOW}. */
const WINDOW_TOO_LARGE = "ZSTD_error_frameParameter_windowTooLarge";

/** An answer that unpacks to more than this, and to this many times its size, is searched no further and cut: it would cost seconds. */
const MOST_BYTES: number = 64 * 1024 * 1024;
const MOST_TIMES = 200;

/** A compressed answer, decoded beside its way only to be searched; nothing of what is decoded is kept. */
export type Unpacked = {
  /** `go` runs once it is known that the bytes until here quote nothing. */
  take(chunk: Uint8Array, go: () => void): void;
  /** Nothing more comes; `go` runs behind all others. */
  end(go: () => void): void;
  close(): void;
};

/**
 * Undefined for codings that cannot be unpacked. `cut` runs when a secret was found, because in a compressed answer nothing can be struck out. `resume`
 * runs when only more bytes can show whether it is one. An answer that is not coded as declared is passed on.
 */
// oxlint-disable-next-line max-lines-per-function -- what is decoded, what waits for it and what ends both are one small machine over the same five variables
export function createUnpacked(
  coding: string,
  needles: Needles,
  control: { cut(why: "quoted" | "bomb"): void; resume(): void },
): Unpacked | undefined {
  const make = DECODERS[coding.trim().toLowerCase()];
  if (make === undefined) return undefined;
  const screen = createScreen(needles);
  const waiting: { go: () => void; searched: boolean }[] = [];
  let decoder: Transform | undefined;
  let packed = 0;
  let bytes = 0;
  let over = false;

  function stop(why: "quoted" | "bomb"): void {
    if (over) return;
    over = true;
    waiting.length = 0;
    decoder?.destroy();
    control.cut(why);
  }

  /** Passes chunks on in their order, as far as they were searched. A chunk whose end may begin a secret waits. */
  function release(all: boolean): void {
    while (waiting[0] !== undefined && (all || waiting[0].searched)) waiting.shift()?.go();
  }

  function start(first: number): Transform | undefined {
    const made = make?.(first);
    made?.on("data", (decoded: Buffer) => {
      bytes += decoded.length;
      screen.take(decoded);
      if (bytes > MOST_BYTES && bytes > MOST_TIMES * packed) stop("bomb");
    });
    made?.on("error", (error: NodeJS.ErrnoException) => {
      if (screen.found) return stop("quoted");
      if (error.code === WINDOW_TOO_LARGE) return stop("bomb"); // others may be able to read it
      over = true;
      release(true);
    });
    return made;
  }

  return {
    take(chunk, go) {
      decoder ??= start(chunk[0] ?? 0);
      if (over) return go();
      packed += chunk.length;
      const one = { go, searched: false };
      waiting.push(one);
      // The decoder gives what it has before it asks for more, but in another turn of the loop.
      decoder?.write(chunk, () =>
        setImmediate(() => {
          one.searched = true;
          if (screen.found) stop("quoted");
          else if (over) return;
          else if (screen.holding) control.resume(); // only what follows tells
          else release(false);
        }),
      );
    },
    end(go) {
      if (over || decoder === undefined) return go();
      waiting.push({ go, searched: false });
      const last = (): void => {
        screen.end();
        if (screen.found) stop("quoted");
        else release(true);
      };
      if (decoder.readableEnded) return last(); // more bytes came behind what was coded
      decoder.once("end", last);
      decoder.end();
    },
    close() {
      over = true;
      waiting.length = 0;
      decoder?.destroy();
    },
  };
}
