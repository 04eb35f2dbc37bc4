import { describe, expect, it } from "vitest";
import { atTurnEnd } from "../../../../src/shared/base/turn-end.ts";

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("the end of a turn", () => {
  it("runs everything in order in one callback, and what is added meanwhile in the next", async () => {
    const seen: string[] = [];
    atTurnEnd(() => {
      seen.push("a");
      queueMicrotask(() => seen.push("microtask"));
      atTurnEnd(() => seen.push("c"));
    });
    atTurnEnd(() => seen.push("b"));
    expect(seen).toEqual([]);
    await turn();
    expect(seen).toEqual(["a", "b", "microtask"]); // no callback's end, where the NATS client would write, comes in between
    await turn();
    expect(seen).toEqual(["a", "b", "microtask", "c"]);
  });

  it("one that throws does not keep the others from running, and is not hushed up", async () => {
    const seen: string[] = [];
    const thrown = new Promise<unknown>((resolve) => {
      const before = process.listeners("uncaughtException");
      process.removeAllListeners("uncaughtException");
      process.once("uncaughtException", (error) => {
        for (const listener of before) process.on("uncaughtException", listener);
        resolve(error);
      });
    });
    const broken = new Error("broken");
    atTurnEnd(() => {
      throw broken;
    });
    atTurnEnd(() => seen.push("b"));
    expect(await thrown).toBe(broken);
    expect(seen).toEqual(["b"]);
  });
});
