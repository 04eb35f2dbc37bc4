import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A process that belongs to the measurement, not to the product: load, limits, and who is at the other end. */
export type Peer<Question, Answer> = {
  url: string;
  pid: number;
  /** One at a time. Rejects with the peer's error, or when it ends. */
  ask(question: Question): Promise<Answer>;
  [Symbol.asyncDispose](): Promise<void>;
};

type Reply = { value: unknown } | { error: string };

/** Starts `peers/<name>.ts`; `args` go to its command line. */
export async function startPeer<Question = never, Answer = never>(
  name: string,
  args: string[] = [],
): Promise<Peer<Question, Answer>> {
  const child = fork(fileURLToPath(new URL(`./peers/${name}.ts`, import.meta.url)), args);
  const reply = async (): Promise<unknown> => {
    const waiting = new AbortController();
    const { signal } = waiting;
    try {
      const [message] = (await Promise.race([
        once(child, "message", { signal }),
        once(child, "exit", { signal }).then(() => [{ error: `${name} ended` }]),
      ])) as [Reply];
      if ("error" in message) throw new Error(message.error);
      return message.value;
    } finally {
      waiting.abort();
    }
  };
  const url = (await reply()) as string;
  return {
    url,
    pid: child.pid ?? 0,
    ask(question) {
      const answer = reply();
      child.send(question as object);
      return answer as Promise<Answer>;
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.disconnect();
      await gone;
    },
  };
}
