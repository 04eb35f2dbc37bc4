import type { Agent } from "./agent.ts";

/** Says what it was asked, word by word: to try everything out without an agent. */
export const echoAgent: Agent = {
  async run({ request }, events, signal) {
    const { user_input: input } = request;
    const text = typeof input === "string" ? input : JSON.stringify(input ?? null);
    for (const word of text.split(/(?<=\s)/)) {
      if (signal.aborted) break;
      events.piece("text", "0", word);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { outcome: "finished" };
  },
};
