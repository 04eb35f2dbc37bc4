import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Watches whether a port takes connections. */
export type PortWatch = {
  /** How long each time nobody listened, milliseconds. */
  refusals: readonly number[];
  [Symbol.asyncDispose](): Promise<void>;
};

const LOOK_MS = 20;

export function watchPort(url: string): PortWatch {
  const { port, hostname: host } = new URL(url);
  const refusals: number[] = [];
  let watching = true;
  let since: number | undefined;

  const takes = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({ port: Number(port), host });
      const end = (taken: boolean): void => {
        socket.destroy();
        resolve(taken);
      };
      socket.once("connect", () => end(true));
      socket.once("error", () => end(false));
    });

  async function watch(): Promise<void> {
    while (watching) {
      if (!(await takes())) since ??= performance.now();
      else if (since !== undefined) {
        refusals.push(performance.now() - since);
        since = undefined;
      }
      await delay(LOOK_MS);
    }
  }

  const running = watch();
  return {
    refusals,
    async [Symbol.asyncDispose]() {
      watching = false;
      await running;
    },
  };
}

/** How long this machine takes for a Node that does nothing: 40 ms where it is idle. Restarts on this machine take as many times longer. */
export async function bareStartMs(): Promise<number> {
  const began = performance.now();
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
  return performance.now() - began;
}
