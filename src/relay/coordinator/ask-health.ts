import type { Clock } from "../../shared/base/clock.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import { ask } from "./ask.ts";
import type { Coordinator } from "./client.ts";
import { healthOf, type Health } from "./health.ts";

/** Asks the coordinator how it is. Never without credentials: it may well refuse its health to strangers, and a relay without a token is not ready. */
export async function askHealth(deps: {
  coordinator: Coordinator;
  clock: Clock;
  credentials: Pick<Credentials, "current" | "headers">;
}): Promise<Health> {
  const pass = deps.credentials.current() ?? (await deps.credentials.headers());
  if (pass.kind === "unavailable") return { kind: "no_credential", text: pass.reason };
  return healthOf(await ask(deps, "/health", pass.headers));
}
