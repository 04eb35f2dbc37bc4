import type { Context } from "../../../src/cli/context.ts";
import { PLAIN } from "../../../src/cli/render/screen.ts";

/** A command's surroundings in which nothing is said and nobody answers, but for what is given. */
export function quietContext(given: Partial<Context> = {}): Context {
  return {
    env: {},
    screen: PLAIN,
    errors: { terminal: false, screen: PLAIN },
    print() {},
    write() {},
    redraw() {},
    mustFinish() {},
    journal: false,
    serve: () => ({ write() {}, dropped: () => 0, hasRoom: () => true, onRoom: () => () => {}, flush() {} }),
    warn() {},
    ask: () => Promise.resolve(undefined),
    readStdin: () => Promise.resolve(new Uint8Array()),
    ...given,
  };
}
