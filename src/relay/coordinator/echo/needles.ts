import { formsOf } from "../../../shared/base/secret-forms.ts";
import type { ReadyCredential } from "../../../shared/credentials/index.ts";

/** What must not come back to an executor, as the bytes that are looked for. */
export type Needles = {
  /** Credentials as they were sent. */
  plain: readonly Buffer[];
  /** And in the forms in which a server may quote them. */
  all: readonly Buffer[];
};

/** Shorter keys would be found in texts that have nothing to do with them, and those would be damaged. */
const LEAST_LENGTH = 8;
/** Credentials that are looked for: the one that is sent, and older ones that a coordinator may still remember. */
const REMEMBERED = 3;

/** The longest first: one may be the beginning of another. Pure. */
export function needlesOf(secrets: readonly string[]): Needles {
  const all = [...new Set(secrets.flatMap(formsOf))].toSorted((a, b) => b.length - a.length);
  return { plain: secrets.map((secret) => Buffer.from(secret)), all: all.map((form) => Buffer.from(form)) };
}

/** Remembers what credentials were sent, so that answers can be searched for them (CRED-1). */
export function createSentCredentials(): { of(pass: ReadyCredential): Needles } {
  let newest: ReadyCredential | undefined;
  let sent: string[] = [];
  let needles: Needles = { plain: [], all: [] };
  return {
    of(pass) {
      if (pass === newest) return needles;
      newest = pass;
      const secrets = Object.values(pass.headers).map((value) => value.replace(/^\w+ +/, ""));
      sent = [...new Set([...secrets.filter((secret) => secret.length >= LEAST_LENGTH), ...sent])].slice(
        0,
        REMEMBERED,
      );
      needles = needlesOf(sent);
      return needles;
    },
  };
}

/** A text of a head or a trailer with whatever is secret struck out; its length stays. Pure. */
export function struckOut(text: string, needles: Needles): string {
  let result = text;
  for (const needle of needles.all) {
    if (result.length < needle.length) continue;
    const form = needle.toString();
    if (result.includes(form)) result = result.replaceAll(form, "*".repeat(form.length));
  }
  return result;
}
