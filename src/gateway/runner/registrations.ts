import { createHash } from "node:crypto";
import { usableRunnerId } from "../../shared/messages/runner-call.ts";
import { membersOf, objectOf, textOf } from "../../shared/base/json-members.ts";

/** A registration that the coordinator accepted: the digest of its body, and the answer. */
export type Registration = { digest: string; answer: string };

/** Keeps them beyond the life of a gateway. */
export type KeptRegistrations = { read(): Registration[]; write(all: Registration[]): void };

/** A gateway has one runner, or a few, and sometimes a successor with other tags. */
const MAX_REGISTRATIONS = 16;
/** Real answers have 150 bytes. */
export const MAX_REGISTERED_BYTES = 4096;
/** A runner id of 200 bytes, each written as `\u0061`. */
const MAX_ID_BYTES = 1202;

/** What runners registered, so that the same registration can be answered while the coordinator cannot be asked. */
export type Registrations = {
  find(body: Uint8Array): string | undefined;
  keep(body: Uint8Array, answer: string): void;
};

export function createRegistrations(kept: KeptRegistrations): Registrations {
  const answers = new Map(kept.read().map(({ digest, answer }) => [digest, answer]));
  return {
    find: (body) => answers.get(digestOf(body)),
    keep(body, answer) {
      const digest = digestOf(body);
      if (answers.get(digest) === answer || answer.length > MAX_REGISTERED_BYTES) return;
      answers.delete(digest);
      answers.set(digest, answer);
      const [oldest] = answers.keys();
      if (answers.size > MAX_REGISTRATIONS && oldest !== undefined) answers.delete(oldest);
      kept.write(Array.from(answers, ([one, text]) => ({ digest: one, answer: text })));
    },
  };
}

function digestOf(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}

/** The runner that an answer to a registration names. Pure. */
export function registeredRunner(answer: Uint8Array): string | undefined {
  return usableRunnerId(textOf(answer, membersOf(answer, ["runner_id"]).get("runner_id"), MAX_ID_BYTES));
}

/** The runner that is there already, according to a refusal; undefined for any other refusal. Pure. */
export function duplicateRunner(refusal: Uint8Array): string | undefined {
  const detail = objectOf(refusal, membersOf(refusal, ["detail"]).get("detail"));
  if (detail === undefined) return undefined;
  const members = membersOf(detail, ["error", "runner_id"]);
  if (textOf(detail, members.get("error"), MAX_ID_BYTES) !== "duplicate_runner") return undefined;
  return usableRunnerId(textOf(detail, members.get("runner_id"), MAX_ID_BYTES));
}

export function isRegistration(value: unknown): value is Registration {
  if (typeof value !== "object" || value === null) return false;
  const { digest, answer } = value as Partial<Record<keyof Registration, unknown>>;
  return typeof digest === "string" && typeof answer === "string" && answer.length <= MAX_REGISTERED_BYTES;
}
