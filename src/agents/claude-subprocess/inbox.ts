import { randomUUID } from "node:crypto";
import type { SdkUserMessage } from "./sdk.ts";

/** What the user says to the CLI, as it comes. */
export type Inbox = {
  messages: AsyncIterable<SdkUserMessage>;
  /** Resolves with the message's name when the CLI has taken it. */
  say(text: string): string;
  /** Nothing more is said: the CLI ends when it has answered. */
  end(): void;
};

export function createInbox(): Inbox {
  const waiting: SdkUserMessage[] = [];
  let ended = false;
  let wake = (): void => undefined;

  async function* messages(): AsyncGenerator<SdkUserMessage> {
    for (;;) {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next;
      if (ended) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return {
    messages: messages(),
    say(text) {
      const uuid = randomUUID();
      waiting.push({
        type: "user",
        message: { role: "user", content: text },
        parent_tool_use_id: null,
        uuid,
      });
      wake();
      return uuid;
    },
    end() {
      ended = true;
      wake();
    },
  };
}
