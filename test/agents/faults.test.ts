import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ADAPTERS } from "./adapters.ts";
import type { Runner } from "../../src/agents/port.ts";
import { createModel, say, shell, type Fault, type Model } from "./model.ts";
import { killIn, processesIn } from "./processes.ts";
import { openSession, type Session, type TurnOf } from "./world.ts";

// Bad days of a model's API, and of what an agent runs.

const REFUSED = { kind: "refused" as const };

const texts = ({ said }: TurnOf): string =>
  said.map(({ type, text }) => (type === "text" ? String(text) : "")).join("");

/** What ended the turn. */
const errors = ({ said }: TurnOf): unknown[] =>
  said.filter(({ type, recoverable }) => type === "error" && recoverable !== true);

describe.each(ADAPTERS.map((adapter) => [adapter.name, adapter] as const))("%s", (name, adapter) => {
  let scope: AsyncDisposableStack;
  let model: Model;
  let runner: Runner;
  let session: Session;

  beforeEach(async () => {
    scope = new AsyncDisposableStack();
    model = createModel();
    ({ runner } = scope.use(await adapter.start(model)));
    session = scope.use(openSession(runner, adapter.approval));
  });
  afterEach(() => scope.disposeAsync());

  test.each<[string, Fault]>([
    ["a rate limit with Retry-After", { ...REFUSED, status: 429, type: "rate_limit_error", retryAfter: 1 }],
    ["an overloaded API", { ...REFUSED, status: 529, type: "overloaded_error" }],
    ["an error of the API", { ...REFUSED, status: 500, type: "api_error" }],
  ])("%s is asked again", async (_, fault) => {
    model.script({ fault }, say("At last."));
    const turn = session.turn("Go");
    expect(await turn.over).toMatchObject({ outcome: "finished", data: { result_text: "At last." } });
    expect(texts(turn)).toBe("At last.");
    expect(model.asked).toHaveLength(2);
  });

  test("an API that stays overloaded fails the turn, after a bounded number of tries", async () => {
    const fault: Fault = { ...REFUSED, status: 529, type: "overloaded_error" };
    for (let i = 0; i < 100; i++) model.script({ fault });
    const turn = session.turn("Go");
    expect((await turn.over).outcome).toBe("failed");
    expect(model.asked.length).toBeLessThanOrEqual(40);
    expect(errors(turn)).toHaveLength(1);
  });

  test("a login that is refused fails the turn, and says so", async () => {
    const fault: Fault = { ...REFUSED, status: 401, type: "authentication_error" };
    for (let i = 0; i < 100; i++) model.script({ fault });
    const turn = session.turn("Go");
    expect((await turn.over).outcome).toBe("failed");
    expect(errors(turn)).toMatchObject([{ message: expect.stringMatching(/401|authenticat|log ?in/i) }]);
  });

  test("a context that is exhausted fails the turn, and says so", async () => {
    const fault: Fault = { ...REFUSED, status: 400, type: "context_length_exceeded" };
    for (let i = 0; i < 100; i++) model.script({ fault });
    const turn = session.turn("Go");
    expect((await turn.over).outcome).toBe("failed");
    expect(errors(turn)).toMatchObject([{ message: expect.stringMatching(/context|too long/i) }]);
  });

  test.each<[string, Fault]>([
    ["breaks in the middle", { kind: "broken", steps: [{ text: "half of it" }] }],
    ["is garbage", { kind: "garbage" }],
  ])("a stream that %s ends the turn one way or the other, and the next one works", async (_, fault) => {
    model.script({ fault }, say("Whole."), say("Whole."));
    const { outcome } = await session.turn("Go").over;
    expect(["finished", "failed"]).toContain(outcome);
    const next = session.turn("Again");
    expect((await next.over).outcome).toBe("finished");
  });

  test("of ten megabytes of a tool's output a part is kept, and the turn goes on", async () => {
    model.script(say(shell("yes 0123456789 | head -c 10000000")), say("That was long."));
    const turn = session.turn("Go");
    expect(await turn.over).toMatchObject({ outcome: "finished" });
    const result = turn.said.find(({ type }) => type === "tool_result");
    expect(String(result?.["content"]).length).toBeLessThanOrEqual(131_072);
    if (adapter.passesOutput !== false) expect(String(result?.["content"])).toContain("0123456789");
  });

  test.each([
    ["hangs", "touch began; sleep 1000"],
    ["heeds no signal", "trap '' TERM INT HUP; touch began; while :; do sleep 0.1; done"],
  ])("a command that %s does not outlive its turn", async (_, command) => {
    model.script(say(shell(command)), say("Never."));
    const turn = session.turn("Go", { options: { approval: adapter.approval ?? "bypass" } });
    await expect.poll(() => existsSync(join(session.workspace, "began"))).toBe(true);
    turn.cancel();
    await turn.over;
    expect(errors(turn)).toEqual([]);
    expect(model.asked).toHaveLength(1);
    if (adapter.runsElsewhere === true) killIn(session.workspace);
    await expect.poll(() => processesIn(session.workspace)).toEqual([]);
  });

  test("two sessions at once do not mix, though they share a runner", async () => {
    model.script(say("One."), say("Two."));
    const other = scope.use(openSession(runner, adapter.approval));
    const [a, b] = [session.turn("1"), other.turn("2")];
    await Promise.all([a.over, b.over]);
    expect([texts(a), texts(b)].sort()).toEqual(["One.", "Two."]);
  });

  test("a stop before the first answer", async () => {
    model.script(say("Never."));
    const turn = session.turn("Go");
    turn.cancel();
    await turn.over;
    expect(texts(turn)).toBe("");
    expect(
      turn.said.filter(({ type }) => type === "error"),
      name,
    ).toEqual([]);
  });

  test("a workspace that was deleted fails the turn, or not, but it ends, and nothing is left", async () => {
    model.script(say(shell("echo one")), say("Done."), say("Done."));
    rmSync(session.workspace, { recursive: true });
    const turn = session.turn("Go");
    expect(["finished", "failed"]).toContain((await turn.over).outcome);
    expect(processesIn(session.workspace)).toEqual([]);
  });
});
