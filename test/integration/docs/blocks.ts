/**
 * A code block of a page, with what the comment right before it says:
 *
 *     <!-- when: outage; in a terminal; needs: nats -->   a ```console block that is run
 *     <!-- run by: test/integration/… -->                 another test runs it
 *     <!-- not run: it needs systemd as process 1 -->     nobody does, and why
 */
export type Block = {
  language: string;
  /** Where it is, for people. */
  line: number;
  /** Its place in the page's text, without the fences. */
  start: number;
  end: number;
  text: string;
  when?: string;
  needs?: string;
  terminal: boolean;
  runBy?: string;
  notRun?: string;
};

const BLOCK = /(?:<!-- (.*?) -->\n+)?^```(\w*)\n([\s\S]*?)^```$/gm;

export function blocksOf(page: string): Block[] {
  return [...page.matchAll(BLOCK)].map((match) => {
    const [whole, note = "", language = "", text = ""] = match;
    const start = match.index + whole.length - "```".length - text.length;
    const said = new Map(
      note.split(/; (?=when: |needs: |in a terminal$)/).map((part) => {
        const [name = "", ...value] = part.split(": ");
        return [name, value.join(": ")] as const;
      }),
    );
    const optional = (name: string): string | undefined => said.get(name);
    const [when, needs, runBy, notRun] = ["when", "needs", "run by", "not run"].map(optional);
    return {
      language,
      line: page.slice(0, start).split("\n").length,
      start,
      end: start + text.length,
      text,
      terminal: said.has("in a terminal"),
      ...(when === undefined ? {} : { when }),
      ...(needs === undefined ? {} : { needs }),
      ...(runBy === undefined ? {} : { runBy }),
      ...(notRun === undefined ? {} : { notRun }),
    };
  });
}

/** `$ command`, with `> ` in front of its further lines, and what it prints. */
export type Step = { command: string; shown: string };

export function stepsOf(text: string): Step[] {
  const steps: Step[] = [];
  for (const line of text.split("\n").slice(0, -1)) {
    const last = steps.at(-1);
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), shown: "" });
    else if (last === undefined) throw new Error(`a console block begins with "$ ": ${line}`);
    else if (line.startsWith("> ") && last.shown === "") last.command += `\n${line.slice(2)}`;
    else last.shown += `${line}\n`;
  }
  return steps;
}

export function textOf(steps: readonly Step[]): string {
  return steps.map(({ command, shown }) => `$ ${command.replaceAll("\n", "\n> ")}\n${shown}`).join("");
}
