/** Headers that carry the credential, names in lower case. `generation` grows with every new credential. */
export type ReadyCredential = {
  kind: "ready";
  headers: Readonly<Record<string, string>>;
  generation: number;
};

/** Nothing may be sent. `reason` is for people and holds no secret; the next try starts by itself after `retryAfterMs`. */
export type UnavailableCredential = {
  kind: "unavailable";
  code: CredentialProblemCode;
  reason: string;
  retryAfterMs: number;
};

export type CredentialResult = ReadyCredential | UnavailableCredential;

/** `token_unavailable` ends by itself when the issuer is back; `credentials_invalid` needs somebody to mend the secret or the settings. */
export type CredentialProblemCode = "token_unavailable" | "credentials_invalid";

/** For `status`, logs and metrics. */
export type CredentialState = {
  kind: "none" | "api_key" | "oidc";
  tokenExpiresInMs?: number;
  /** Why the newest attempt to get or read a credential failed, as `code: reason`; absent once one succeeded. */
  lastError?: string;
};

/**
 * What the relay adds to a request for the coordinator, and only for it (CRED-1: ask `sameOrigin` first). Before each request:
 * `current() ?? (await headers(signal))`; nothing is sent while that is not `ready`.
 */
export interface Credentials {
  /** The hot path: the credential if one is at hand and no newer one is being fetched after a refusal. */
  current(): ReadyCredential | undefined;
  /**
   * The credential; waits for a token request that is under way (at most 10 s), but never for a back-off: then it is `unavailable` at
   * once. Aborting `signal` ends the wait with `unavailable`, not the token request that others wait for. Never rejects.
   */
  headers(signal?: AbortSignal): Promise<CredentialResult>;
  /**
   * The coordinator answered 401 or 403 to this generation. Fetches a new credential once however often it is told; the next
   * `headers()` waits for it. If the generation it then gives is the same, no newer one could be had.
   */
  refused(generation: number): void;
  describe(): CredentialState;
  /** Ends timers and requests. Afterwards everything is `unavailable`. */
  close(): void;
}
