import type { Answer } from "../agents/agent.ts";

/** What an agent asked in a turn, and nobody has answered yet. */
export type Questions = {
  /** Waits for the answer; not allowed if everything was refused. */
  wait(request: string): Promise<Answer>;
  /** Takes a question out, to answer it once. Undefined if it is not open. */
  take(request: string): ((answer: Answer) => void) | undefined;
  /** Refuses what is open, and what is asked from then on. */
  refuse(): void;
  /** Takes out all that are open, refused or not, and gives their names: a decision that comes later finds none of them. */
  takeAll(): string[];
};

export function createQuestions(): Questions {
  const open = new Map<string, (answer: Answer) => void>();
  let refused = false;
  return {
    wait(request) {
      const { promise, resolve } = Promise.withResolvers<Answer>();
      open.set(request, resolve);
      if (refused) resolve({ allow: false });
      return promise;
    },
    take(request) {
      const answer = open.get(request);
      open.delete(request);
      return answer;
    },
    refuse() {
      refused = true;
      for (const answer of open.values()) answer({ allow: false });
    },
    takeAll() {
      const names = [...open.keys()];
      open.clear();
      return names;
    },
  };
}
