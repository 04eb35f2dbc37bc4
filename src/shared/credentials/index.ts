// port.ts is the interface for the relay · choice.ts reads the settings · secret.ts re-reads rotated files · api-key.ts is the static key
// oidc.ts gives out tokens: renewal.ts gets them, by attempt.ts each, next-attempt.ts waits in between, schedule.ts says how long, held-token.ts has the newest ·
// issuer.ts asks over HTTP · token-answer.ts takes what we need from the answer · failure.ts explains failures · same-origin.ts checks addresses
// Everything that is foreign (issuers, their answers, openid-client) stays behind issuer.ts, so that no secret can escape in a foreign error. When to fetch
// a token is decided by pure functions of time, which are tested without an issuer.
import type { Clock } from "../base/clock.ts";
import type { Logger, SecretRegistry } from "../base/logger.ts";
import { createApiKey } from "./api-key.ts";
import { apiKeyProblem, chooseCredentials, type CredentialSettings } from "./choice.ts";
import { createIssuer } from "./issuer.ts";
import { createOidc } from "./oidc.ts";
import type { Credentials, ReadyCredential } from "./port.ts";
import { createSecret } from "./secret.ts";

export type { Credentials, ReadyCredential } from "./port.ts";
export { sameOrigin } from "./same-origin.ts";

type CredentialDeps = {
  clock: Clock;
  /** Random numbers in [0, 1). */
  random: () => number;
  log: Logger;
  /** Gets every secret and token, so that the logger hides them. */
  secrets: SecretRegistry;
  fetch?: typeof fetch;
};

const NOTHING: ReadyCredential = { kind: "ready", headers: {}, generation: 0 };
/** Credentials for a coordinator that requires none. */
const NO_CREDENTIALS: Credentials = {
  current: () => NOTHING,
  headers: () => Promise.resolve(NOTHING),
  refused: () => {},
  describe: () => ({ kind: "none" }),
  close: () => {},
};

/**
 * The relay's credentials for the coordinator (docs/contract.md, "Credentials"), as the settings choose: none, a static key, or tokens of an OpenID issuer.
 * Throws `config_invalid` with every problem and its variable. Makes no request before the first `headers()`.
 */
export function createCredentials(settings: CredentialSettings, deps: CredentialDeps): Credentials {
  const { values, secretFiles } = settings;
  const { clock, random, log, secrets } = deps;
  const choice = chooseCredentials(values);
  switch (choice.kind) {
    case "none":
      return NO_CREDENTIALS;
    case "api_key": {
      const { header, key } = choice;
      const check = (text: string): string | undefined => apiKeyProblem(header, text);
      const secret = createSecret({ value: key, file: secretFiles["apiKey"], secrets, check });
      return createApiKey({ header, key, secret, clock, log });
    }
    case "oidc": {
      const issuer = createIssuer(choice, { fetch: deps.fetch ?? fetch, secrets });
      const secret = createSecret({
        value: choice.clientSecret,
        file: secretFiles["oidcClientSecret"],
        secrets,
      });
      return createOidc({ issuer, secret, clock, random, log, secrets });
    }
  }
}
