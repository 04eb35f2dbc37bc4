import { describe, expect, test } from "vitest";
import { HOOKED_AGENTS } from "../../../../src/cli/hooks/agents.ts";
import {
  hooksProblem,
  ourHooks,
  settingsIn,
  withHooks,
  withoutHooks,
} from "../../../../src/cli/hooks/settings-text.ts";

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
  const at = { url: URL, key: "k".repeat(20), keyHeaders: "/data folder/it's" };
  const events = agent.events({});
  const hooks = new Map(events.map((event) => [event, agent.hook(at, event)]));
  const later = new Map([...hooks].map(([event, hook]) => [event, { ...hook, timeout: 9 }]));
  const hook = agent.hook(at, "Stop");

  test.each([
    ["no file", ""],
    ["an empty object", "{}\n"],
    ["settings of others, with comments", FOREIGN],
    ["tabs", '{\n\t"model": "x"\n}\n'],
    [
      "lists of others that end with a comma",
      '{"hooks": {"Stop": [{"hooks": [{"command": "mine"},]},],},}\n',
    ],
    ["the other line ends", '{\r\n  "model": "x"\r\n}\r\n'],
  ])(
    "with %s: each event has our hook once, also after a second time, and it can be taken back",
    (__, text) => {
      const once = withHooks(text, agent, hooks);
      expect(ourHooks(once, agent)).toEqual(
        [...hooks].map(([event, it]) => ({ event, hook: it })).toSorted(byEvent(once)),
      );
      const twice = withHooks(once, agent, later);
      expect(
        ourHooks(twice, agent)
          .map(({ event }) => event)
          .toSorted(),
      ).toEqual([...events].toSorted());
      expect(ourHooks(twice, agent).every((it) => it.hook["timeout"] === 9)).toBe(true);
      expect(settingsIn(withoutHooks(twice, agent))).toEqual(settingsIn(text));
    },
  );

  test("nothing beside `hooks` is touched, and other hooks stay", () => {
    const once = withHooks(FOREIGN, agent, hooks);
    for (const line of ["    // mine", '    "model": "opus",   "env": {"A":"1"},'])
      expect(once.split("\n")).toContain(line);
    const { hooks: there } = settingsIn(once) as { hooks: { Stop: unknown[] } };
    expect(there.Stop[0]).toEqual({ matcher: "x", hooks: [{ type: "command", command: "say done" }] });
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

  test("a file that another program wrote anew, on one line, is no harder", () => {
    const text = JSON.stringify({ model: "x", hooks: { Stop: [{ hooks: [{ command: "mine" }] }] } });
    const anew = JSON.stringify(settingsIn(withHooks(text, agent, hooks)));
    expect(settingsIn(withoutHooks(anew, agent))).toEqual(settingsIn(text));
    expect(settingsIn(withHooks(anew, agent, later))).toEqual(settingsIn(withHooks(text, agent, later)));
  });

  test("comments of others stay where ours was among theirs", () => {
    const mixed = `{"hooks": {"Stop": [{"hooks": [
      // why this is here
      {"type": "command", "command": "mine"}, ${JSON.stringify(hook)}
    ]}]}}`;
    expect(withoutHooks(mixed, agent)).toContain("// why this is here");
  });

  test("a text in which an edit would go wrong is refused", () => {
    const twice = '{"hooks": {"Stop": []}, "model": "x", "hooks": {"Stop": [{"hooks": []}]}}';
    expect(() => withHooks(twice, agent, hooks)).toThrow("cannot be edited");
  });
});

test.each([
  ["{}", undefined],
  ['{"hooks": {"Stop": []}}', undefined],
  ['{"hooks": []}', "`hooks` is no object"],
  ['{"hooks": {"Stop": "say done"}}', "`hooks.Stop` is no list"],
])("what stands in %s is not overwritten", (text, problem) => {
  expect(hooksProblem(text)).toBe(problem);
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

const AT = { url: URL, key: "secret-key-of-20-chars", keyHeaders: "/data folder/it's" };

test.each([
  ["codex", "Stop"],
  ["claude-code", "SessionStart"],
  ["claude-code", "Setup"],
])(
  "%s runs a command at %s, in which the key is not; paths are quoted, and proxies passed by",
  (name, event) => {
    const command = String(HOOKED_AGENTS[name]?.hook(AT, event)["command"]);
    expect(command).not.toContain("secret-key");
    expect(command).toContain(`-H '@/data folder/it'\\''s'`);
    expect(command).toContain("--noproxy '*'");
    const elsewhere = HOOKED_AGENTS[name]?.hook({ ...AT, url: "https://relay.example" }, event);
    expect(elsewhere?.["command"]).not.toContain("--noproxy");
  },
);
