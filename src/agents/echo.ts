import type { Runner } from "./port.ts";
import { createRunner } from "./running.ts";

/** Says what it was asked, word by word: to try everything out without an agent. */
export function echoRunner(): Runner {
  return createRunner("echo", (session, prompt) => {
    let stopped = false;
    const say = async (text: string): Promise<void> => {
      for (const word of text.split(/(?<=\s)/)) {
        if (stopped) return;
        session.emit({ type: "output", output: { kind: "piece", of: "text", block: "0", text: word } });
        await new Promise((resolve) => setImmediate(resolve));
      }
      session.emit({ type: "output", output: { kind: "final", text } });
      session.emit({ type: "awaiting_input" });
    };
    return {
      over: say(prompt),
      stop() {
        stopped = true;
        return null;
      },
    };
  });
}
