import { generateKeyPair, randomBytes, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import {
  TOKEN_ALGORITHM,
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
  TOKEN_SECONDS,
  TOKEN_TYPE,
  type TokenScope,
  type TokenSession,
} from "../shared/session-log/tokens/session-token.ts";
import type { TokenKey } from "../shared/session-log/tokens/token-keys.ts";

/** How long a key signs. It lies in the memory of this process alone, so that a new one costs nothing. */
export const SIGNS_MS: number = 60 * 60_000;
/** How long before that its successor is published: checkers elsewhere keep what they read for a while. */
export const AHEAD_MS: number = 5 * 60_000;
/** A key that could not be published is tried again after this. */
const AGAIN_MS = 2000;
/** How long a public key can be found: while it is ahead, signs, and for as long as its last token counts, and five minutes for clocks that differ. */
export const FOUND_SECONDS: number = (AHEAD_MS + SIGNS_MS) / 1000 + TOKEN_SECONDS + 300;

const generate = promisify(generateKeyPair);

/** `untilWall`: what is signed later may outlive the key's public half. */
type Key = { kid: string; secret: KeyObject; untilWall: number };

export type Signer = {
  /** A token, and when it ends, in seconds. Rejects while there is no key, which then cannot be published. */
  sign(session: TokenSession, scopes: readonly TokenScope[]): Promise<{ token: string; seconds: number }>;
  close(): void;
};

/**
 * Signs tokens with keys of its own, one after the other. The private half of a key is made here, is written nowhere and ends with the process; the public half is published before anything is signed
 * with it, and outlives its last token. Rejects if the first key cannot be published.
 */
export async function createSigner(deps: {
  clock: Clock;
  log: Logger;
  publish: (key: TokenKey, seconds: number) => Promise<void>;
}): Promise<Signer> {
  const { clock, log, publish } = deps;
  const make = (): Promise<Key> => makeKey(publish, clock);
  let current = await make();
  let instead: Promise<Key> | undefined;
  let cancel = (): void => undefined;
  let closed = false;
  const later = (afterMs: number, then: () => void): void => {
    if (!closed) cancel = clock.after(afterMs, then);
  };

  /** Publishes the next key, and signs with it when those who check have had time to read it. */
  function follow(afterMs: number): void {
    later(afterMs, () => {
      void make().then(
        (next) => {
          later(AHEAD_MS, () => {
            current = next;
            follow(SIGNS_MS - AHEAD_MS);
          });
        },
        (error: unknown) => {
          log.error(
            { reason: errorText(error) },
            "the next key cannot be published; the present one signs on",
          );
          follow(AGAIN_MS);
        },
      );
    });
  }
  follow(SIGNS_MS - AHEAD_MS);

  /** The key that signs now. Timers stand still while a machine sleeps, and the broker counts on: then the public half of the last one may be gone. */
  async function present(): Promise<Key> {
    if (clock.wall() < current.untilWall) return current;
    instead ??= make().finally(() => (instead = undefined));
    current = await instead;
    return current;
  }

  return {
    sign: async (session, scopes) => ({
      token: await signedBy(await present(), session, { scopes, now: Math.floor(clock.wall() / 1000) }),
      seconds: TOKEN_SECONDS,
    }),
    close() {
      closed = true;
      cancel();
    },
  };
}

/** `now`: in seconds. */
async function signedBy(
  { kid, secret }: Key,
  { user, id, name }: TokenSession,
  { scopes, now }: { scopes: readonly TokenScope[]; now: number },
): Promise<string> {
  const { SignJWT } = await import("jose");
  return await new SignJWT({ session: id, sid: name, scope: scopes.join(" "), client_id: id })
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: TOKEN_TYPE, kid })
    .setIssuer(TOKEN_ISSUER)
    .setAudience(TOKEN_AUDIENCE)
    .setSubject(user)
    .setJti(randomBytes(16).toString("base64url"))
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + TOKEN_SECONDS)
    .sign(secret);
}

async function makeKey(
  publish: (key: TokenKey, seconds: number) => Promise<void>,
  clock: Clock,
): Promise<Key> {
  const { privateKey: secret, publicKey } = await generate("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const kid = randomBytes(16).toString("base64url");
  const untilWall = clock.wall() + (FOUND_SECONDS - TOKEN_SECONDS) * 1000; // counted from before it is there
  await publish({ kty: "EC", crv: "P-256", x, y, kid }, FOUND_SECONDS);
  return { kid, secret, untilWall };
}
