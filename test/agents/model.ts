// What a scripted model answers, in no dialect: messages-api.ts speaks Anthropic's.

/** A part of an answer. `shell` is a call of the agent's own tool that runs a command; `structured` is the data that a
 * schema asked for, by whatever way the agent has. */
export type Step = { text: string } | { thinking: string } | { shell: string } | { structured: unknown };

/** What goes wrong instead of an answer, or within it. */
export type Fault =
  | { kind: "refused"; status: number; type: string; retryAfter?: number }
  /** The stream breaks off behind these steps. */
  | { kind: "broken"; steps: Step[] }
  /** A line of the stream is no JSON. */
  | { kind: "garbage" }
  /** Nothing comes until the client goes away. */
  | { kind: "silent"; steps: Step[] };

/** One answer of the model. */
export type Answer = { steps: Step[] } | { fault: Fault };

export function say(...steps: (Step | string)[]): Answer {
  return { steps: steps.map((it) => (typeof it === "string" ? { text: it } : it)) };
}

export const shell = (command: string): Step => ({ shell: command });

/** A model that gives these answers, one per request. What it was asked is kept. */
export type Model = {
  /** The answer to the next request. */
  next(request: unknown): Answer;
  asked: unknown[];
  /** Puts more answers behind those that are left. */
  script(...answers: Answer[]): void;
};

export function createModel(...answers: Answer[]): Model {
  const left = [...answers];
  const asked: unknown[] = [];
  return {
    asked,
    next(request) {
      asked.push(request);
      return left.shift() ?? say("(nothing is scripted any more)");
    },
    script: (...more) => void left.push(...more),
  };
}
