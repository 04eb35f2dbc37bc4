import { SecretRegistry } from "../../shared/base/logger.ts";
import { membersOf } from "./read.ts";

/** Most secrets that are looked for in what an agent says. */
const MOST = 128;
/** A shorter word would be found in innocent texts. */
const LEAST = 8;
/** A secret inside a longer text, as a kubeconfig is, has at least this many characters. */
const LEAST_IN_TEXT = 20;
/** Members that are no secret. */
const HARMLESS = new Set([
  "url",
  "instanceUrl",
  "instanceName",
  "email",
  "userName",
  "username",
  "expiresAt",
  "provider",
  "authMethod",
  "scopes",
]);

/** As many characters may be the beginning of a secret that goes on in the next piece of a text. Fewer may be anything. */
const LEAST_BEGINNING = 4;

/** The secrets of one turn. */
export type TurnSecrets = {
  /** Also those of this answer of the back end. */
  learn(values: Iterable<unknown>): void;
  /** A text without them, in any of the forms of {@link SecretRegistry}. */
  hide(text: string): string;
  /** How many characters at the end of a text may be the beginning of one. */
  beginning(text: string): number;
};

export function newTurnSecrets(values: Iterable<unknown>): TurnSecrets {
  const registry = new SecretRegistry();
  const plain = new Set<string>();
  const learn = (of: Iterable<unknown>): void => {
    for (const secret of secretsIn(of)) {
      plain.add(secret);
      registry.add(secret);
    }
  };
  learn(values);
  return {
    learn,
    hide: (text) => registry.hide(text),
    beginning: (text) => Math.max(0, ...[...plain].map((secret) => overlap(text, secret))),
  };
}

/** Length of the longest end of `text` that a secret goes on from. */
function overlap(text: string, secret: string): number {
  for (let length = Math.min(text.length, secret.length - 1); length >= LEAST_BEGINNING; length--)
    if (text.endsWith(secret.slice(0, length))) return length;
  return 0;
}

/** What nobody but the programs of the turn may read of the back end's answers. Pure. */
export function secretsIn(values: Iterable<unknown>): string[] {
  const found = new Set<string>();
  const look = (value: unknown): void => {
    if (typeof value === "string") for (const secret of wordsOf(value)) found.add(secret);
    else if (Array.isArray(value)) value.forEach(look);
    else for (const [name, member] of Object.entries(membersOf(value))) if (!HARMLESS.has(name)) look(member);
  };
  for (const value of values) look(value);
  return [...found].slice(0, MOST);
}

function wordsOf(text: string): string[] {
  if (/^\S+$/.test(text)) return text.length >= LEAST ? [text] : [];
  return text.split(/[\s"',=]+/).filter((word) => word.length >= LEAST_IN_TEXT);
}
