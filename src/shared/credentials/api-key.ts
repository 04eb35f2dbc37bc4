import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { CredentialResult, CredentialState, Credentials, ReadyCredential } from "./port.ts";
import type { Secret } from "./secret.ts";

/** How often the key's file is read. A refusal by the coordinator reads it at once. */
const POLL_MS = 5000;

/** A static key in a configurable header; in `authorization` it is sent as a bearer token. `header` is in lower case. */
// oxlint-disable-next-line max-lines-per-function -- each method is short; all of them share the key and the read that is in progress
export function createApiKey(options: {
  header: string;
  key: string;
  secret: Secret;
  clock: Clock;
  log: Logger;
}): Credentials {
  const { header, secret, clock, log } = options;
  let key = options.key;
  let ready = credential(1);
  let problem: string | undefined;
  let reading: Promise<void> | undefined;
  let refusedGeneration = 0;
  let cancelTimer = (): void => {};
  let closed = false;

  function credential(generation: number): ReadyCredential {
    const value = header === "authorization" ? `Bearer ${key}` : key;
    return { kind: "ready", headers: { [header]: value }, generation };
  }

  async function readAgain(): Promise<void> {
    const read = await secret.read();
    if (closed) return;
    if (read.problem !== undefined && read.problem !== problem) {
      log.warn({ code: "credentials_invalid", reason: read.problem }, "the API key file cannot be used");
    }
    problem = read.problem;
    if (read.value !== key) {
      key = read.value;
      ready = credential(ready.generation + 1);
      log.info({ generation: ready.generation }, "the API key changed");
    }
    poll();
  }

  /** The read in progress, which all callers share. */
  function begin(): void {
    cancelTimer();
    reading ??= readAgain().finally(() => {
      reading = undefined;
    });
  }

  function poll(): void {
    cancelTimer = clock.after(POLL_MS, begin);
  }

  function current(): ReadyCredential | undefined {
    if (closed || (reading !== undefined && refusedGeneration === ready.generation)) return undefined;
    return ready;
  }

  async function headers(signal?: AbortSignal): Promise<CredentialResult> {
    if (current() === undefined && reading !== undefined && signal?.aborted !== true) await reading;
    if (!closed) return ready;
    return {
      kind: "unavailable",
      code: "token_unavailable",
      reason: "the relay is stopping",
      retryAfterMs: 0,
    };
  }

  if (secret.rotates) poll();
  return {
    current,
    headers,
    refused(generation) {
      if (closed || generation !== ready.generation || generation === refusedGeneration) return;
      refusedGeneration = generation;
      log.warn({ generation }, "the coordinator refused the API key");
      if (secret.rotates) begin();
    },
    describe(): CredentialState {
      return problem === undefined
        ? { kind: "api_key" }
        : { kind: "api_key", lastError: `credentials_invalid: ${problem}` };
    },
    close() {
      closed = true;
      cancelTimer();
    },
  };
}
