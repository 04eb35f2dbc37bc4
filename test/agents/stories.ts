import { expect } from "vitest";
import { eventually } from "../support/eventually.ts";
import { say, shell, type Model } from "./model.ts";
import type { Said, Session, TurnOf } from "./world.ts";

// Twelve stories that every adapter tells in the same way: what the model says and what the user does goes in, the same events in the same order come out.

/** What a story needs. `kill` kills the runner's programs. */
export type Stage = {
  model: Model;
  session: Session;
  kill: () => void;
  /** What tools say is passed on. */
  passesOutput: boolean;
};

/** The events without what differs between back ends: ids, wordings of people's tools, tokens, progress. */
function plain(said: readonly Said[]): string[] {
  const words = said.flatMap((it): string[] => {
    switch (it.type) {
      case "text":
      case "thinking":
        return [`${it.type} ${String(it["text"])}`];
      case "tool_call":
        return ["tool_call"];
      case "tool_result":
        return [`tool_result ${it["is_error"] === true ? "failed" : "ok"}`];
      case "permission_request":
        return ["permission_request"];
      case "permission_resolved":
        return [`permission_resolved ${it["allowed"] === true ? "allowed" : "denied"}`];
      case "error":
        return it["recoverable"] === true ? [] : ["error"];
      case "work_product":
        return [`result ${JSON.stringify(it["data"])}`];
      default:
        return [];
    }
  });
  return words;
}

async function told(turn: TurnOf): Promise<string[]> {
  const { outcome, data = {} } = await turn.over;
  const result = "result_text" in data ? ` ${String(data["result_text"])}` : "";
  // some agents say why they failed as a text, too
  const failures = turn.said.flatMap(({ type, message }) => (type === "error" ? [String(message)] : []));
  const said = turn.said.filter(
    ({ type, text }) => type !== "text" || !failures.some((it) => it.includes(String(text))),
  );
  return [...plain(said), `${outcome}${result}`];
}

async function until(turn: TurnOf, event: string): Promise<void> {
  await eventually(() => expect(plain(turn.said)).toContain(event));
}

/** A tool's result as a text. */
function resultOf({ said }: TurnOf): string {
  return String(said.find(({ type }) => type === "tool_result")?.["content"]);
}

export const STORIES = {
  async text({ model, session }) {
    model.script(say({ thinking: "A greeting." }, "Hello ", "there."));
    const turn = session.turn("Say hello");
    const heard = (await told(turn)).filter((it) => !it.startsWith("thinking"));
    expect(heard.at(-1)).toMatch(/^finished /);
    expect(turn.said.map(({ type, text }) => (type === "text" ? text : "")).join("")).toBe("Hello there.");
    expect(turn.said.find(({ type }) => type === "session_info")).toBeDefined();
    expect(turn.said.find(({ type }) => type === "usage")).toBeDefined();
  },

  async tool({ model, session, passesOutput }) {
    model.script(say("Looking. ", shell("echo one two")), say("Done."));
    const turn = session.turn("Look");
    expect(await told(turn)).toEqual([
      "text Looking. ",
      "tool_call",
      ...asked(turn),
      "tool_result ok",
      "text Done.",
      "finished Done.",
    ]);
    if (passesOutput) expect(resultOf(turn)).toContain("one two");
  },

  async failingTool({ model, session, passesOutput }) {
    model.script(say(shell("echo wrong >&2; exit 3")), say("It failed."));
    const turn = session.turn("Try");
    expect(await told(turn)).toEqual([
      "tool_call",
      ...asked(turn),
      "tool_result failed",
      "text It failed.",
      "finished It failed.",
    ]);
    if (passesOutput) expect(resultOf(turn)).toContain("wrong");
  },

  async allowed({ model, session }) {
    model.script(say(shell("touch made")), say("Made."));
    const turn = session.turn("Make it");
    expect(await told(turn)).toEqual([
      "tool_call",
      "permission_request",
      "permission_resolved allowed",
      "tool_result ok",
      "text Made.",
      "finished Made.",
    ]);
  },

  async denied({ model, session }) {
    model.script(say(shell("touch made")), say("So be it."));
    const turn = session.turn("Make it", { answer: { allow: false, message: "not today" } });
    expect(await told(turn)).toEqual([
      "tool_call",
      "permission_request",
      "permission_resolved denied",
      "tool_result failed",
      "text So be it.",
      "finished So be it.",
    ]);
  },

  async interrupt({ model, session }) {
    model.script({ fault: { kind: "silent", steps: [{ text: "It begins" }] } }, say("Again."));
    const turn = session.turn("Go on for ever");
    await until(turn, "text It begins");
    turn.cancel();
    await turn.over;
    expect(plain(turn.said)).toEqual(["text It begins"]);
    expect((await told(session.turn("And now"))).at(-1)).toBe("finished Again.");
  },

  async resume({ model, session, kill }) {
    model.script(say("I will remember."), { fault: { kind: "silent", steps: [{ text: "half" }] } });
    await session.turn("The word is mango").over;
    const turn = session.turn("Say it");
    await until(turn, "text half");
    kill();
    expect((await turn.over).outcome).toBe("failed");
    model.script(say("mango"));
    expect((await told(session.turn("Which word?"))).at(-1)).toBe("finished mango");
    expect(JSON.stringify(model.asked.at(-1))).toContain("The word is mango");
  },

  async twoTurns({ model, session }) {
    model.script(say("One."), say("Two."));
    expect(await told(session.turn("1"))).toEqual(["text One.", "finished One."]);
    expect(await told(session.turn("2"))).toEqual(["text Two.", "finished Two."]);
    expect(JSON.stringify(model.asked.at(-1))).toContain("One.");
  },

  async longOutput({ model, session }) {
    const long = `${"The quick brown fox. ".repeat(10_000)}The end.`;
    model.script(say(long));
    const turn = session.turn("Tell me everything");
    const end = await turn.over;
    expect(turn.said.map(({ type, text }) => (type === "text" ? text : "")).join("")).toBe(long);
    expect(end).toMatchObject({ outcome: "finished", data: { truncated: true, chars: long.length } });
  },

  async error({ model, session }) {
    const refused = { kind: "refused" as const, status: 400, type: "invalid_request_error" };
    for (let i = 0; i < 10; i++) model.script({ fault: refused });
    const turn = session.turn("Break");
    expect(await told(turn)).toEqual(["error", "failed"]);
  },

  async input({ model, session }) {
    model.script(
      say("Wait. ", shell("sleep 1; echo waited")),
      ...Array.from({ length: 4 }, () => say("I heard you.")),
    );
    const turn = session.turn("Begin");
    await until(turn, "tool_call");
    turn.wish({ kind: "input", text: "turn left" });
    expect((await told(turn)).at(-1)).toBe("finished I heard you.");
    expect(JSON.stringify(model.asked)).toContain("turn left");
    expect(turn.said.filter(({ code }) => code === "INPUT_REFUSED")).toEqual([]);
  },

  async structured({ model, session }) {
    const schema = {
      type: "object",
      properties: { n: { type: "number" } },
      required: ["n"],
      additionalProperties: false,
    };
    model.script(say({ structured: { n: 7 } }), say("Here it is."));
    const turn = session.turn("Count", { options: { output_schema: schema } });
    const heard = await told(turn);
    expect(heard.filter((it) => it.startsWith("result"))).toEqual(['result {"n":7}']);
    expect(heard.at(-1)).toMatch(/^finished/);
  },
} as const satisfies Record<string, (stage: Stage) => Promise<void>>;

/** Whether a harmless command is asked about is the back end's to say. */
function asked({ said }: TurnOf): string[] {
  return said.some(({ type }) => type === "permission_request")
    ? ["permission_request", "permission_resolved allowed"]
    : [];
}
