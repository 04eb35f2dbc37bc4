/** The headers with the credential, names in lower case. `generation` increases with every new credential. */
export type ReadyCredential = {
  kind: "ready";
  headers: Readonly<Record<string, string>>;
  generation: number;
};

/** Nothing may be sent. `reason` is for people and contains no secret. The next attempt starts by itself after `retryAfterMs`. */
export type UnavailableCredential = {
  kind: "unavailable";
  code: CredentialProblemCode;
  reason: string;
  retryAfterMs: number;
};

export type CredentialResult = ReadyCredential | UnavailableCredential;

/** `token_unavailable` ends by itself when the issuer is back. After `credentials_invalid`, someone has to correct the secret or the settings. */
export type CredentialProblemCode = "token_unavailable" | "credentials_invalid";

/** For `status`, logs and metrics. */
export type CredentialState = {
  kind: "none" | "api_key" | "oidc";
  tokenExpiresInMs?: number;
  /** Why the last attempt to get or read a credential failed, as `code: reason`. Absent if it succeeded. */
  lastError?: string;
};

/**
 * The credentials that the relay adds to requests to the coordinator, and only to those (CRED-1: check `sameOrigin` first). Call `current() ?? (await
 * headers(signal))` before each request, and send nothing while the result is not `ready`.
 */
export interface Credentials {
  /** For the hot path: the credential, if there is one and no new one is being fetched after a refusal. */
  current(): ReadyCredential | undefined;
  /**
   * The credential. Waits for a token request in progress (at most 10 s), but not for a back-off; in that case it is `unavailable` at once. Aborting
   * `signal` ends the wait with `unavailable`, but not the token request, which others may wait for. Never rejects.
   */
  headers(signal?: AbortSignal): Promise<CredentialResult>;
  /**
   * Call this when the coordinator answered 401 or 403 to this generation. It fetches a new credential once, however often it is called, and the next
   * `headers()` waits for it. If that returns the same generation, no new credential was available.
   */
  refused(generation: number): void;
  describe(): CredentialState;
  /** Ends timers and requests. Afterwards everything is `unavailable`. */
  close(): void;
}
