import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { ADAPTERS } from "./adapters.ts";
import { createModel, say, shell, type Model } from "./model.ts";
import { killIn } from "./processes.ts";
import { openSession, type Session, type TurnOf } from "./world.ts";

// A session goes on with a runner that has nothing but the session's log: another machine, or this one with its folder lost.

const mirrored = ADAPTERS.filter(({ name }) => name === "claude_subprocess" || name === "claude_api");

describe.each(mirrored.map((adapter) => [adapter.name, adapter] as const))("%s", (name, adapter) => {
  let scope: AsyncDisposableStack;
  let model: Model;
  let here: Session;

  beforeEach(async () => {
    scope = new AsyncDisposableStack();
    model = createModel();
    here = scope.use(openSession(scope.use(await adapter.start(model)).runner, "bypass"));
  });
  afterEach(() => scope.disposeAsync());

  const there = async (): Promise<Session> =>
    scope.use(here.elsewhere(scope.use(await adapter.start(model)).runner));
  const asked = (): string => JSON.stringify(model.asked.at(-1));
  const errors = ({ said }: TurnOf): unknown[] => said.filter(({ type }) => type === "error");

  test("what was said, and what tools said, is known on another machine; then here again", async () => {
    model.script(say("Looking. ", shell("echo forty-two")), say("It is there."), say("Mango."), say("Kiwi."));
    const first = here.turn("The word is mango");
    expect((await first.over).outcome).toBe("finished");
    expect(errors(first)).toEqual([]);

    const second = (await there()).turn("Which word? And now it is kiwi.");
    expect(await second.over).toMatchObject({ outcome: "finished", data: { result_text: "Mango." } });
    for (const words of ["The word is mango", "Looking. ", "forty-two", "It is there."])
      expect(asked()).toContain(words);
    expect(errors(second)).toEqual([]);

    const third = here.turn("And now?");
    expect(await third.over).toMatchObject({ outcome: "finished", data: { result_text: "Kiwi." } });
    for (const words of ["The word is mango", "And now it is kiwi"]) expect(asked()).toContain(words);
    expect(errors(third)).toEqual([]);
  });

  test.runIf(name === "claude_subprocess")("a turn that was killed has left what the user said", async () => {
    model.script(say("Noted."), { fault: { kind: "silent", steps: [{ text: "half" }] } });
    await here.turn("The word is mango").over;
    const killed = here.turn("The number is seven");
    await eventually(() => expect(killed.said.some(({ type }) => type === "text")).toBe(true));
    killIn(here.workspace);
    expect((await killed.over).outcome).toBe("failed");
    model.script(say("Mango, seven."));
    const next = (await there()).turn("Which ones?");
    expect((await next.over).outcome).toBe("finished");
    expect(asked()).toContain("The word is mango");
    expect(asked()).toContain("The number is seven");
  });

  test("where retention removed the beginning, the rest is known", async () => {
    model.script(say("One."), say("Two."), say("Three."));
    await here.turn("The word is mango").over;
    const first = here.kept.length;
    await here.turn("The number is seven").over;
    here.kept.splice(0, first);
    const next = (await there()).turn("Which ones?");
    expect((await next.over).outcome).toBe("finished");
    expect(asked()).toContain("The number is seven");
    expect(asked()).not.toContain("mango");
  });
});
