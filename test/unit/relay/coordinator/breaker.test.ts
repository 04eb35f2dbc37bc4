import { describe, expect, test } from "vitest";
import { Breaker } from "../../../../src/relay/coordinator/breaker.ts";

describe("Breaker", () => {
  test("opens at the third failed connection in a row, also of one session", () => {
    const breaker = new Breaker();
    expect([breaker.failure(1, "a", true), breaker.failure(2, "a", true)]).toEqual([false, false]);
    expect(breaker.failure(3, "a", true)).toBe(true);
  });

  test("not if there was an answer in between", () => {
    const breaker = new Breaker();
    breaker.failure(1, "a", true);
    breaker.failure(2, "a", true);
    breaker.success(3, "b");
    expect(breaker.failure(4, "a", true)).toBe(false);
    breaker.failure(5, "a", false);
    expect([breaker.failure(6, "a", true), breaker.failure(7, "a", true)]).toEqual([false, false]);
  });

  test("opens at 70 % failures of 10 attempts over 3 sessions, forgotten after 10 s", () => {
    const run = (sessions: string[], failures: number, attempts: number, spreadMs = 10): boolean => {
      const breaker = new Breaker();
      let open = false;
      for (let i = 0; i < attempts; i++) {
        const session = sessions[i % sessions.length] ?? "";
        if (i < attempts - failures) breaker.success(i * spreadMs, session);
        else open = breaker.failure(i * spreadMs, session, false);
      }
      return open;
    };
    expect(run(["a", "b", "c"], 7, 10)).toBe(true);
    expect(run(["a", "b", "c"], 6, 10)).toBe(false);
    expect(run(["a", "b", "c"], 9, 9)).toBe(false);
    expect(run(["a", "b"], 30, 30)).toBe(false); // ISOLATE-1: two sick sessions are no outage
    expect(run(["a", "b", "c"], 30, 30, 2000)).toBe(false);
  });

  test("starts afresh", () => {
    const breaker = new Breaker();
    for (let i = 0; i < 9; i++) breaker.failure(i, `s${i}`, false);
    breaker.reset();
    expect(breaker.failure(10, "a", false)).toBe(false);
  });
});
