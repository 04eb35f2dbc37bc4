import { describe, expect, test } from "vitest";
import { createRepeats } from "../../../../src/gateway/writes/repeats.ts";
import { type Conclusion } from "../../../../src/gateway/writes/waiting.ts";

describe("repeated keys within one process", () => {
  const accepted: Conclusion = {
    kind: "accepted",
    stored: { kind: "stored", streamSeq: 5, duplicate: false, number: undefined },
  };

  test("a repetition follows the first while it is on its way, and is answered from memory after it", () => {
    const repeats = createRepeats();
    const heard: Conclusion[] = [];
    expect(repeats.begin("k", "d", () => undefined).kind).toBe("first");
    expect(repeats.begin("k", "d", (it) => void heard.push(it)).kind).toBe("following");
    expect(repeats.begin("k", "other", () => undefined).kind).toBe("conflict");
    repeats.end("k", accepted);
    expect(heard).toEqual([accepted]);
    expect(repeats.begin("k", "d", () => undefined)).toEqual({ kind: "stored", conclusion: accepted });
    expect(repeats.begin("k", "other", () => undefined).kind).toBe("conflict");
  });

  test("a failure is passed to followers and then forgotten", () => {
    const repeats = createRepeats();
    const heard: string[] = [];
    repeats.begin("k", "d", () => undefined);
    repeats.begin("k", "d", (it) => void heard.push(it.kind));
    repeats.end("k", { kind: "failed", outcome: { kind: "failed", code: "log_full", detail: "" } });
    expect(heard).toEqual(["failed"]);
    expect(repeats.begin("k", "other", () => undefined).kind).toBe("first");
  });

  test("memory is bounded, and never forgets one on its way", () => {
    const repeats = createRepeats(2);
    repeats.begin("a", "d", () => undefined);
    repeats.begin("b", "d", () => undefined);
    repeats.end("b", accepted);
    repeats.begin("c", "d", () => undefined);
    expect(repeats.begin("a", "d", () => undefined).kind).toBe("following");
    expect(repeats.begin("b", "d", () => undefined).kind).toBe("first");
  });
});
