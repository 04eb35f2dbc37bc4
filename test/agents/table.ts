import type { STORIES } from "./stories.ts";

// Which adapter tells which story, as one table: the tests run what it says, and docs/agents.md shows it.

export type StoryName = keyof typeof STORIES;

/** Stories that an adapter cannot tell, and why. */
export type Cannot = Partial<Record<StoryName, string>>;

const ASKS_NOBODY =
  "it has no way to ask; what would be asked for is not possible at all (`ask`), or allowed";

/** The adapters, in the order of the table. */
export const TABLE = {
  claude_subprocess: {},
  "claude_subprocess without the SDK": {},
  claude_api: {},
  codex: {},
  "codex exec": { allowed: ASKS_NOBODY, denied: ASKS_NOBODY, input: "it hears nothing in its turn" },
  codex_sdk_sidecar: {
    allowed: "it runs `codex exec`",
    denied: "it runs `codex exec`",
    structured: "it takes no schema",
  },
  acp: { structured: "the protocol has no schema" },
} as const satisfies Record<string, Cannot>;

export type AdapterName = keyof typeof TABLE;

/** The stories as people call them. */
const NAMES: Record<StoryName, string> = {
  text: "text",
  tool: "tool",
  failingTool: "failing tool",
  allowed: "permission allowed",
  denied: "permission denied",
  interrupt: "interrupt",
  resume: "resume after a kill",
  twoTurns: "two turns",
  longOutput: "long output",
  error: "error",
  input: "input while running",
  structured: "structured result",
};

/** The table in Markdown, and below it why a story cannot be told. Pure. */
export function tableOf(): string {
  const adapters = Object.entries(TABLE) as [AdapterName, Cannot][];
  const named = ([name]: [string, unknown]): string => name.replace(/^(\w+)/, "`$1`");
  const head = `| | ${adapters.map(named).join(" | ")} |\n|---|${"---|".repeat(adapters.length)}`;
  const rows = Object.entries(NAMES).map(([story, title]) => {
    const cells = adapters.map(([, cannot]) => (story in cannot ? "no" : "yes"));
    return `| ${title} | ${cells.join(" | ")} |`;
  });
  const reasons = adapters.flatMap((adapter) => {
    const by = Map.groupBy(Object.entries(adapter[1]) as [StoryName, string][], ([, why]) => why);
    return [...by].map(
      ([why, stories]) => `- ${named(adapter)}, ${stories.map(([it]) => NAMES[it]).join(" and ")}: ${why}.`,
    );
  });
  return [head, ...rows, "", ...reasons].join("\n");
}
