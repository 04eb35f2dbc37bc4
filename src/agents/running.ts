import type { ApprovalChoice, Runner, RunnerSession } from "./port.ts";

/** A turn that runs at its agent. */
export type Running = {
  /** Settles when it is over, and everything of it is said. */
  over: Promise<void>;
  /** Says something to the agent. Missing, if that agent hears nothing in its turn. */
  input?(text: string): Promise<void>;
  /** Ends it soon. Resolves with an exit code, if there is one. */
  stop(): Promise<number | null> | number | null;
  mode?(approvalChoice: ApprovalChoice): void;
};

/** A runner that keeps what runs. `begin` starts a turn. */
export function createRunner(
  runnerType: string,
  begin: (session: RunnerSession, prompt: string, approvalChoice: ApprovalChoice) => Running,
): Runner {
  const running = new Map<RunnerSession, Running>();
  return {
    runnerType,
    async start(session, prompt, approvalChoice) {
      const it = begin(session, prompt, approvalChoice);
      running.set(session, it);
      try {
        await it.over;
      } finally {
        running.delete(session);
      }
    },
    async sendInput(session, text) {
      const it = running.get(session);
      if (it?.input === undefined) throw new Error(`the agent ${runnerType} hears nothing in its turn`);
      await it.input(text);
    },
    async stop(session) {
      const it = running.get(session);
      if (it === undefined) return null;
      const code = await it.stop();
      await it.over.catch(() => undefined); // it says itself what went wrong
      return code;
    },
    updatePermissionMode: (session, approvalChoice) => running.get(session)?.mode?.(approvalChoice),
  };
}
