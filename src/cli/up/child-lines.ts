import type { Readable } from "node:stream";
import type { Clock } from "../../shared/base/clock.ts";
import type { Lines } from "../../shared/base/output/lines.ts";

/** A line longer than this is passed on in pieces: nothing of ours writes one. */
const LONGEST_LINE = 256 * 1024;
/** How long the last lines of a child that ended are waited for: they say why it ended. */
const LAST_LINES_MS = 200;

/** Lines of one child on their way to ours. */
export type PassedLines = {
  /** The child ended: resolves when its last lines were passed on. */
  end(): Promise<void>;
};

/**
 * Passes on what a child writes to its stderr, in whole lines. While ours has no room the child is not read, so that it drops and counts
 * its own lines; when it has ended nothing waits for room any more.
 */
export function passLines(from: Readable, to: Lines, clock: Clock): PassedLines {
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
    to.write(text.endsWith("\n") ? text : `${text}\n`);
    if (ended || to.hasRoom()) return;
    from.pause();
    forget = to.onRoom(() => from.resume());
  });
  from.on("error", () => undefined); // it closes
  from.once("close", () => {
    if (begun !== "") to.write(`${begun}\n`);
    closed.resolve();
  });
  return {
    async end() {
      ended = true;
      forget();
      from.resume();
      const late = clock.after(LAST_LINES_MS, () => from.destroy()); // somebody else has it open too
      await closed.promise;
      late();
    },
  };
}
