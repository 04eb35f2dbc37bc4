import type { Issuer, TokenAnswer } from "../../../../src/shared/credentials/attempt.ts";

/** An issuer that answers when the test says so, or at once by `answer`. */
export interface ScriptedIssuer extends Issuer {
  /** Requests so far, with the secret each brought. */
  readonly calls: readonly string[];
  /** Requests that wait. */
  waiting(): number;
  /** Answers by this from now on, and all that waits; undefined: keep requests waiting. */
  answer(by: (() => TokenAnswer) | undefined): void;
}

export function scriptedIssuer(): ScriptedIssuer {
  const calls: string[] = [];
  let by: (() => TokenAnswer) | undefined;
  let queue: ((answer: TokenAnswer) => void)[] = [];
  return {
    calls,
    waiting: () => queue.length,
    answer(next) {
      by = next;
      if (next === undefined) return;
      for (const give of queue) give(next());
      queue = [];
    },
    requestToken(secret) {
      calls.push(secret);
      if (by !== undefined) return Promise.resolve(by());
      return new Promise((resolve) => {
        queue.push(resolve);
      });
    },
  };
}

/** Tokens `token-1`, `token-2`, … of this life. */
export function tokens(ttlMs?: number): () => TokenAnswer {
  let n = 0;
  return () => ({ kind: "token", accessToken: `token-${++n}`, ...(ttlMs === undefined ? {} : { ttlMs }) });
}

export const AWAY: TokenAnswer = { kind: "failed", code: "token_unavailable", reason: "cannot be reached" };
export const REFUSED: TokenAnswer = { kind: "failed", code: "credentials_invalid", reason: "invalid_client" };
