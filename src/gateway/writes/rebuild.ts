import type { JsonMember } from "../../shared/base/json-scan.ts";
import type { WriteKind } from "../route/routes.ts";

/** The runner's identity: the only source of `hostname` and `executor_profile` (OWN-1). */
export type RunnerIdentity = { hostname: string; profile: string };

/** Makes the body that is forwarded from the one that came, member by member as they are read. */
export type Rebuilder = {
  /** Names of the members that it has to see. */
  names: readonly string[];
  take(name: string | undefined, member: JsonMember): void;
  /** The required member that is missing, if one is. */
  lacking(): string | undefined;
  /** Undefined: the body is forwarded as it came. */
  body(): Uint8Array | undefined;
};

/** Fields of a metadata update that an executor may not set: the session's place is the path, the rest is the runner's. */
const OWNED: readonly string[] = ["session_id", "hostname", "executor_profile"];

/** First letter of `null`. */
const NULL = 0x6e;
const MINUS = 0x2d;

const AS_IT_CAME: Rebuilder = { names: [], take() {}, lacking: () => undefined, body: () => undefined };

export function rebuilderOf(write: WriteKind, bytes: Uint8Array, runner: RunnerIdentity): Rebuilder {
  switch (write) {
    case "event":
    case "run":
      return AS_IT_CAME;
    case "bind":
      return bindOf(bytes, runner);
    case "metadata":
      return metadataOf(bytes);
  }
}

/** Makes a bind of exactly the fields that a bind has. Everything else that the executor sends is dropped; where it runs comes from the runner (OWN-1). */
function bindOf(bytes: Uint8Array, runner: RunnerIdentity): Rebuilder {
  let executor: JsonMember | undefined;
  let project: JsonMember | undefined;
  const valueOf = ({ valueFrom, to }: JsonMember): Buffer =>
    Buffer.from(bytes.buffer, bytes.byteOffset + valueFrom, to - valueFrom);
  return {
    names: ["executor_session_id", "project_dir"],
    take(name, member) {
      if (name === "executor_session_id") executor = member;
      else if (name === "project_dir") project = member;
    },
    lacking: () => (executor === undefined || isEmpty(valueOf(executor)) ? "executor_session_id" : undefined),
    body() {
      const runners = JSON.stringify({ hostname: runner.hostname, executor_profile: runner.profile });
      const parts = [
        Buffer.from('{"executor_session_id":'),
        executor ? valueOf(executor) : Buffer.from("null"),
      ];
      parts.push(Buffer.from(`,${runners.slice(1, -1)}`));
      if (project !== undefined && bytes[project.valueFrom] !== NULL)
        parts.push(Buffer.from(',"project_dir":'), valueOf(project));
      return Buffer.concat([...parts, Buffer.from("}")]);
    },
  };
}

/** Is a value empty, as the original gateway sees it: null, false, an empty text, or zero? */
function isEmpty(value: Buffer): boolean {
  const first = value[0] ?? NULL;
  if (first === NULL || first === 0x66) return true;
  if (first === 0x22) return value.length === 2;
  const isNumber = first === MINUS || (first >= 0x30 && first <= 0x39);
  return isNumber && Number(value.toString("latin1")) === 0;
}

/**
 * Makes the body without the fields that an executor may not set. Every other member stays byte for byte, so no number changes (those beyond 2^53, `1.0`, `-0`
 * and `1e400` survive). What stays is copied in runs as it is read, so that a body of nothing but fields to leave out needs no list of them.
 */
function metadataOf(bytes: Uint8Array): Rebuilder {
  const kept = Buffer.allocUnsafe(bytes.length + 2);
  let size = kept.write("{");
  let run: { from: number; to: number } | undefined;
  const flush = (): void => {
    if (run === undefined) return;
    if (size > 1) size += kept.write(",", size);
    kept.set(bytes.subarray(run.from, run.to), size);
    size += run.to - run.from;
    run = undefined;
  };
  return {
    names: OWNED,
    take(name, { from, to }) {
      if (name !== undefined) flush();
      else if (run === undefined) run = { from, to };
      else run.to = to;
    },
    lacking: () => undefined,
    body() {
      flush();
      size += kept.write("}", size);
      return kept.subarray(0, size);
    },
  };
}
