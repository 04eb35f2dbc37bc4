import type { JsonMember } from "../../shared/base/json-scan.ts";
import { BIND_BODY, METADATA_BODY, ownedOf, requiredOf, forwardedOf } from "../contract/bodies.ts";
import type { WriteKind } from "../contract/writes.ts";

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
const OWNED: readonly string[] = ownedOf(METADATA_BODY);
/** Fields of a bind that are forwarded, and those that must be there. */
const BIND_FIELDS: readonly string[] = forwardedOf(BIND_BODY);
const BIND_REQUIRED: readonly string[] = requiredOf(BIND_BODY);

/** First letter of `null`. */
const NULL = 0x6e;
const NOTHING: Buffer = Buffer.from("null");
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
  const found = new Map<string, JsonMember>();
  const valueOf = ({ valueFrom, to }: JsonMember): Buffer =>
    Buffer.from(bytes.buffer, bytes.byteOffset + valueFrom, to - valueFrom);
  const cameAs = (name: string): Buffer | undefined => {
    const member = found.get(name);
    return member === undefined || bytes[member.valueFrom] === NULL ? undefined : valueOf(member);
  };
  const ours = new Map([
    ["hostname", Buffer.from(JSON.stringify(runner.hostname))],
    ["executor_profile", Buffer.from(JSON.stringify(runner.profile))],
  ]);
  return {
    names: BIND_FIELDS,
    take(name, member) {
      if (name !== undefined) found.set(name, member);
    },
    lacking: () => BIND_REQUIRED.find((name) => isEmpty(cameAs(name) ?? NOTHING)),
    body() {
      const parts: Uint8Array[] = [];
      for (const name of BIND_FIELDS) {
        const value = ours.get(name) ?? cameAs(name);
        if (value !== undefined)
          parts.push(Buffer.from(`${parts.length === 0 ? "{" : ","}"${name}":`), value);
      }
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
