import { shortTexts } from "./texts.ts";

/** What the coordinator compares to decide which runner resumes a session. Registrations and binds both name it. */
export type Affinity = { hostname: string; profile: string };

/** The affinity that a registration names. Undefined if the body does not name both parts; the coordinator says what is wrong with it. Pure. */
export function affinityOf(body: Uint8Array): Affinity | undefined {
  const texts = shortTexts(body, ["hostname", "executor_profile"]);
  const hostname = texts.get("hostname");
  const profile = texts.get("executor_profile");
  return hostname === undefined || profile === undefined ? undefined : { hostname, profile };
}

/** Pure. */
export function sameAffinity(one: Affinity, other: Affinity): boolean {
  return one.hostname === other.hostname && one.profile === other.profile;
}

/** For people. Pure. */
export function showAffinity({ hostname, profile }: Affinity): string {
  return `hostname ${quoted(hostname)} and profile ${quoted(profile)}`;
}

/** The flags that make a gateway, which writes `written` now, write `registered`. Pure. */
export function flagsFor(registered: Affinity, written: Affinity): string {
  const flags: string[] = [];
  if (registered.hostname !== written.hostname) flags.push(`--hostname ${quoted(registered.hostname)}`);
  if (registered.profile !== written.profile) flags.push(`--profile ${quoted(registered.profile)}`);
  return flags.join(" ");
}

function quoted(text: string): string {
  return /^[\w.@:-]+$/.test(text) ? text : JSON.stringify(text);
}
