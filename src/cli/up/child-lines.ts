import type { Readable } from "node:stream";
import type { Clock } from "../../shared/base/clock.ts";
import type { Lines } from "../../shared/base/output/lines.ts";

/** A line longer than this is passed on in pieces. None of our processes writes one. */
const LONGEST_LINE = 256 * 1024;
/** How long we wait for the last lines of a child that ended, because they say why. */
const LAST_LINES_MS = 200;

/** Lines of one child on their way to ours. */
export type PassedLines = {
  /** The child ended: resolves when its last lines were passed on. */
  end(): Promise<void>;
};

/**
 * Passes on what a child writes to its stderr, in whole lines. While our own output has no room, the child is not read, so that it drops and counts its
 * own lines. Once the child has ended, its last lines no longer wait for room. `onText` sees them, too.
 */
export function passLines(
  from: Readable,
  to: Lines,
  clock: Clock,
  onText: (text: string) => void = () => undefined,
): PassedLines {
  const closed = Promise.withResolvers<void>();
  let begun = "";
  let ended = false;
  let forget: () => void = () => {};
  from.setEncoding("utf8");
  from.on("data", (chunk: string) => {
    begun += chunk;
    const end = begun.length > LONGEST_LINE ? begun.length : begun.lastIndexOf("\n") + 1;
    if (end === 0) return;
    const text = begun.slice(0, end);
    begun = begun.slice(end);
    onText(text);
    to.write(text.endsWith("\n") ? text : `${text}\n`);
    if (ended || to.hasRoom()) return;
    from.pause();
    forget = to.onRoom(() => from.resume());
  });
  from.on("error", () => undefined); // the stream closes, and that is enough to know
  from.once("close", () => {
    if (begun !== "") to.write(`${begun}\n`);
    closed.resolve();
  });
  return {
    async end() {
      ended = true;
      forget();
      from.resume();
      const late = clock.after(LAST_LINES_MS, () => from.destroy()); // another process has inherited it and keeps it open
      await closed.promise;
      late();
    },
  };
}
