import { MultiBar, Presets, type SingleBar } from "cli-progress";

/** A progress bar for long work. It is drawn on stderr, and only if that is a terminal, so that it fills neither a pipe nor a log. */
export type Progress = {
  /** Sets how much is done. `note` is shown after the figures. */
  at(done: number, note?: string): void;
  /** Sets the total, if it becomes known later. */
  total(total: number): void;
  end(): void;
};

/** Work that is done sooner needs no bar. */
const LEAST = 50;

export function createProgress(what: string, total: number): Progress {
  if (!process.stderr.isTTY || total < LEAST) return { at() {}, total() {}, end() {} };
  const bars = new MultiBar(
    {
      stream: process.stderr,
      format: `${what} {bar} {value}/{total} {percentage}% {note}`,
      hideCursor: true,
      clearOnComplete: true,
      fps: 10,
      barsize: Math.max(8, Math.min(40, (process.stderr.columns ?? 80) - 50)),
    },
    Presets.legacy,
  );
  const bar: SingleBar = bars.create(total, 0, { note: "" });
  return {
    at: (done, note = "") => bar.update(done, { note }),
    total: (most) => bar.setTotal(most),
    end: () => bars.stop(),
  };
}
