import type { PidFiles } from "../../src/guard/pid-files.ts";

/** Remembers nothing, for programs that end with their test. */
export const NO_PID_FILES: PidFiles = {
  note: () => () => undefined,
  sweep: () => Promise.resolve(0),
};
