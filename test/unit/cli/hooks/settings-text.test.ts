import { describe, expect, test } from "vitest";
import { HOOKED_AGENTS } from "../../../../src/cli/hooks/agents.ts";
import { ourHooks, settingsIn, withHooks, withoutHooks } from "../../../../src/cli/hooks/settings-text.ts";

const URL = "http://127.0.0.1:8002";
const FOREIGN = `{
    // mine
    "model": "opus",   "env": {"A":"1"},
    "hooks": {
        "Stop": [ { "matcher": "x", "hooks": [ { "type": "command", "command": "say done" } ] } ]
    }
}
`;

describe.each(Object.entries(HOOKED_AGENTS))("%s", (_, agent) => {
  const hook = agent.hook({ url: URL, key: "k".repeat(20), keyHeaders: "/data folder/it's" });

  test.each([
    ["no file", ""],
    ["an empty object", "{}\n"],
    ["settings of others, with comments", FOREIGN],
    ["tabs", '{\n\t"model": "x"\n}\n'],
    ["the other line ends", '{\r\n  "model": "x"\r\n}\r\n'],
  ])(
    "with %s: each event has our hook once, also after a second time, and it can be taken back",
    (__, text) => {
      const once = withHooks(text, agent, hook);
      expect(ourHooks(once, agent)).toEqual(
        agent.events.map((event) => ({ event, hook })).toSorted(byEvent(once)),
      );
      const twice = withHooks(once, agent, { ...hook, timeout: 9 });
      expect(
        ourHooks(twice, agent)
          .map(({ event }) => event)
          .toSorted(),
      ).toEqual([...agent.events].toSorted());
      expect(ourHooks(twice, agent).every((it) => it.hook["timeout"] === 9)).toBe(true);
      expect(settingsIn(withoutHooks(twice, agent))).toEqual(settingsIn(text));
    },
  );

  test("nothing beside `hooks` is touched, and other hooks stay", () => {
    const once = withHooks(FOREIGN, agent, hook);
    for (const line of ["    // mine", '    "model": "opus",   "env": {"A":"1"},'])
      expect(once.split("\n")).toContain(line);
    const { hooks } = settingsIn(once) as { hooks: { Stop: unknown[] } };
    expect(hooks.Stop[0]).toEqual({ matcher: "x", hooks: [{ type: "command", command: "say done" }] });
    expect(withoutHooks(FOREIGN, agent)).toBe(FOREIGN);
  });

  test("in a list with hooks of others, only ours goes", () => {
    const mixed = JSON.stringify({
      hooks: { Stop: [{ hooks: [{ type: "command", command: "mine" }, hook] }] },
    });
    expect(settingsIn(withoutHooks(mixed, agent))).toEqual({
      hooks: { Stop: [{ hooks: [{ type: "command", command: "mine" }] }] },
    });
  });
});

/** As they stand in the file: what was there comes first. */
function byEvent(text: string): (a: { event: string }, b: { event: string }) => number {
  const { hooks } = settingsIn(text) as { hooks: Record<string, unknown> };
  const order = Object.keys(hooks);
  return (a, b) => order.indexOf(a.event) - order.indexOf(b.event);
}

test.each(["[]", "1", "{", "null", "text"])("%s is no file of settings", (text) => {
  expect(settingsIn(text)).toBeUndefined();
});

test("the key is in no command line, and paths are quoted", () => {
  const { codex } = HOOKED_AGENTS;
  const hook = codex?.hook({ url: URL, key: "secret-key-of-20-chars", keyHeaders: "/data folder/it's" });
  expect(hook?.["command"]).not.toContain("secret-key");
  expect(hook?.["command"]).toContain(`-H '@/data folder/it'\\''s'`);
});
