import type { TokenAnswer } from "../../../../src/shared/credentials/attempt.ts";
import { createOidc } from "../../../../src/shared/credentials/oidc.ts";
import type { CredentialResult, Credentials } from "../../../../src/shared/credentials/port.ts";
import { createSecret, type Secret } from "../../../../src/shared/credentials/secret.ts";
import { SecretRegistry, silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock, type FakeClock } from "../../../support/fake-clock.ts";
import { scriptedIssuer, type ScriptedIssuer } from "./scripted-issuer.ts";

export const S = 1000;

export type Bench = {
  credentials: Credentials;
  issuer: ScriptedIssuer;
  clock: FakeClock;
  secrets: SecretRegistry;
};

export function bench(given: { answer?: () => TokenAnswer; secret?: Secret } = {}): Bench {
  const clock = createFakeClock();
  const issuer = scriptedIssuer();
  if (given.answer !== undefined) issuer.answer(given.answer);
  const secrets = new SecretRegistry();
  const secret = given.secret ?? createSecret({ value: "client-secret", file: undefined, secrets });
  const credentials = createOidc({
    issuer,
    secret,
    clock,
    random: () => 0.5,
    log: silentLogger(),
    secrets,
  });
  return { credentials, issuer, clock, secrets };
}

export function tokenOf(result: CredentialResult | undefined): string | undefined {
  return result?.kind === "ready" ? result.headers["authorization"] : undefined;
}
