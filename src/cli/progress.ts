import { MultiBar, Presets, type SingleBar } from "cli-progress";

/** A bar for long work: on stderr, and only if that is a terminal, so that neither a pipe nor a log fills with it. */
export type Progress = {
  /** So much is done; `note` stands behind the figures. */
  at(done: number, note?: string): void;
  /** What all is, when it turns out later. */
  total(total: number): void;
  end(): void;
};

/** Short work needs no bar. */
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
