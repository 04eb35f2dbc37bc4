import { shortTexts } from "./texts.ts";

/** What the coordinator compares when it decides which runner gets the resume of a session: it stands in registrations and in binds. */
export type Affinity = { hostname: string; profile: string };

/** Of a registration. Undefined for a body that does not name both: what is wrong with it is the coordinator's to say. Pure. */
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

/** Flags with which a gateway that writes `written` would write `registered`. Pure. */
export function flagsFor(registered: Affinity, written: Affinity): string {
  const flags: string[] = [];
  if (registered.hostname !== written.hostname) flags.push(`--hostname ${quoted(registered.hostname)}`);
  if (registered.profile !== written.profile) flags.push(`--profile ${quoted(registered.profile)}`);
  return flags.join(" ");
}

function quoted(text: string): string {
  return /^[\w.@:-]+$/.test(text) ? text : JSON.stringify(text);
}
