import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { createJudge } from "../../../../src/gateway/writes/judge.ts";
import type { WriteKind } from "../../../../src/gateway/contract/writes.ts";

/** A judge whose turns of the event loop the test takes, and what it came to, in order. */
function stage() {
  const turns: (() => void)[] = [];
  const judge = createJudge({ hostname: "h", profile: "p" }, (run) => void turns.push(run));
  const told: string[] = [];
  return {
    told,
    turns,
    give(name: string, text: string, digest = false): void {
      judge({ write: "event", session: name, bytes: Buffer.from(text), digest }, (command, found) => {
        told.push(command.ok ? name : `${name} ${command.code}`);
        if (found !== undefined) told.push(found);
      });
    },
  };
}

const large = (kilobytes: number): string => `{"a":"${"x".repeat(kilobytes << 10)}"}`;

test("ISOLATE-1: usual bodies at once; large ones a slice a turn, in rotation", () => {
  const { told, turns, give } = stage();
  give("big", large(1000));
  give("bad", `${large(200)}}`);
  give("medium", large(100));
  give("small", "{}");
  expect(told).toEqual(["small"]);
  let taken = 0;
  for (let turn = turns.shift(); turn !== undefined; turn = turns.shift(), taken++) {
    expect(turns).toEqual([]); // one slice, whoever waits
    turn();
    if (taken === 5) give("late", large(100));
  }
  expect(told).toEqual(["small", "medium", "bad body_invalid_json", "late", "big"]);
  expect(taken).toBe(16 + 4 + 2 + 2);
});

test("one byte order mark in front of a body is taken off before anything is made of it, on every route", () => {
  const judge = createJudge({ hostname: "h", profile: "p" });
  const text = '{"session_id":"s","executor_session_id":"e","text":"\ufeff"}';
  const made = (write: WriteKind, body: string | Uint8Array): string[] => {
    const said: string[] = [];
    judge({ write, session: "s", bytes: Buffer.from(body), digest: true }, (command, digest = "") =>
      said.push(command.ok ? Buffer.from(command.body).toString() : command.code, digest),
    );
    return said;
  };
  for (const write of ["event", "bind", "metadata", "run"] as const)
    expect(made(write, `\ufeff${text}`)).toEqual(made(write, text));
  expect(made("event", `\ufeff${text}`)[0]).toBe(text);
  expect(made("event", "\ufeff")).toEqual(["body_required", ""]);
  for (const body of [
    `\ufeff\ufeff${text}`,
    ` \ufeff${text}`,
    Buffer.from(`\ufeff${text}`, "utf16le"),
    Buffer.from([0xef, 0xbb]),
  ])
    expect(made("event", body)).toEqual(["body_invalid_json", ""]);
});

test("the digest is that of the whole body, in slices or not, and of none that is refused", () => {
  for (const text of ["{}", large(64), large(1000), `{"a":"${"\\n".repeat(50_000)}"}`]) {
    const { told, turns, give } = stage();
    give("s", text, true);
    while (turns.length > 0) turns.shift()?.();
    expect(told).toEqual(["s", createHash("sha256").update(text).digest("base64url")]);
    give("t", `${text}x`, true);
    while (turns.length > 0) turns.shift()?.();
    expect(told.slice(2)).toEqual(["t body_invalid_json"]);
  }
});
