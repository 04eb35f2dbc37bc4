import type { Clock } from "../base/clock.ts";
import type { SecretRegistry } from "../base/logger.ts";
import type { ReadyCredential } from "./port.ts";
import { PROVEN_AFTER_MS, refreshAfterMs, refusalDelayMs, usableMs } from "./schedule.ts";

/** Number of tokens in the secret registry: the current one, and older ones that a late error may still quote. */
const REMEMBERED_TOKENS = 3;

/** Times are monotonic. */
type Token = { ready: ReadyCredential; arrivedAt: number; expiresAt: number; refreshAt: number };

/** The newest token, with its times, and what the coordinator thinks of it. */
export type HeldToken = {
  /** Takes a token that was asked for at `askedAt`; undefined if it has expired already. */
  accept(
    accessToken: string,
    ttlMs: number,
    askedAt: number,
  ): { generation: number; refreshAt: number } | undefined;
  /** The token, unless it has expired. */
  unexpired(): ReadyCredential | undefined;
  /** When a new token is to be asked for, so that the old one never expires; undefined before the first token. */
  refreshAt(): number | undefined;
  /** Undefined before the first token; 0 once it has expired. */
  expiresInMs(): number | undefined;
  /** Was this the generation that the coordinator refused last? */
  wasRefused(generation: number): boolean;
  /** Notes a refusal by the coordinator; undefined if it is no news. `refreshInMs`: when to ask for a new token. */
  refuse(generation: number): { refusals: number; refreshInMs: number } | undefined;
};

export function createHeldToken({ clock, secrets }: { clock: Clock; secrets: SecretRegistry }): HeldToken {
  let token: Token | undefined;
  let generation = 0;
  let refusedGeneration = 0;
  let refusals = 0;
  let remembered: string[] = [];

  /** Adds a token to the log filter, and removes old ones: many short-lived tokens must not slow down every line. */
  function remember(accessToken: string): void {
    if (remembered.includes(accessToken)) return; // some issuers return the same token until it expires
    secrets.add(accessToken);
    remembered = [...remembered, accessToken];
    while (remembered.length > REMEMBERED_TOKENS) secrets.forget(remembered.shift() ?? "");
  }

  return {
    accept(accessToken, ttlMs, askedAt) {
      remember(accessToken);
      const arrivedAt = clock.now();
      const expiresAt = askedAt + usableMs(ttlMs);
      if (!(expiresAt > arrivedAt)) return undefined;
      generation += 1;
      const refreshAt = askedAt + refreshAfterMs(ttlMs);
      const headers = { authorization: `Bearer ${accessToken}` };
      token = { ready: { kind: "ready", headers, generation }, arrivedAt, expiresAt, refreshAt };
      return { generation, refreshAt };
    },
    unexpired: () => (token === undefined || clock.now() >= token.expiresAt ? undefined : token.ready),
    refreshAt: () => token?.refreshAt,
    expiresInMs: () => token && Math.max(0, token.expiresAt - clock.now()),
    wasRefused: (asked) => asked === refusedGeneration,
    refuse(refused) {
      if (token?.ready.generation !== refused || refusedGeneration === refused) return undefined;
      refusedGeneration = refused;
      refusals = clock.now() - token.arrivedAt >= PROVEN_AFTER_MS ? 1 : refusals + 1;
      return { refusals, refreshInMs: refusalDelayMs(refusals) };
    },
  };
}
