import type { TurnItem } from "../../client/sessions/index.ts";
import type { Context } from "../context.ts";
import { paint } from "../render/screen.ts";
import { printable, printableLines } from "../render/text.ts";
import { cut } from "../render/width.ts";
import { saidIn } from "./event-text.ts";

/** Shows a turn while it runs. */
export type TurnView = {
  take(item: TurnItem): void;
  /** Says something beside the turn. */
  note(text: string): void;
  /** Ends the last line. */
  end(): void;
};

/** What the agent does beside talking, with a sign in front. Other types are for programs: `--json` has them. */
const BESIDE: Record<string, string> = {
  tool_call: ">",
  tool_result: "<",
  status: "-",
  work_product: "+",
  error: "!",
  gap: "!",
};
const MOST_COLUMNS = 160;

/** What the agent says goes to stdout as it comes, everything else to stderr: so a pipe gets the answer alone. */
export function createTurnView(context: Pick<Context, "write" | "warn" | "errors" | "screen">): TurnView {
  /** A line is begun, and what is said next would stand behind it. */
  let open = false;
  const shared = context.screen.columns !== undefined && context.errors.terminal;

  function note(text: string): void {
    if (open && shared) {
      context.write("\n");
      open = false;
    }
    context.warn(text);
  }

  return {
    note,
    take(item) {
      const { type, data } = item;
      if (type === "text" && typeof data["text"] === "string") {
        const text = printableLines(data["text"]);
        if (text === "") return;
        context.write(text);
        open = !text.endsWith("\n");
        return;
      }
      const sign = BESIDE[type];
      if (sign === undefined) return;
      const said = `${sign} ${type} ${printable(saidIn(item))}`;
      note(paint(context.errors.screen, "quiet", cut(said, context.errors.screen.columns ?? MOST_COLUMNS)));
    },
    end() {
      if (open) context.write("\n");
      open = false;
    },
  };
}

/** The same for programs: one JSON object per line. */
export function createTurnJson(context: Pick<Context, "print" | "warn">): TurnView {
  return {
    take: (item) => context.print(JSON.stringify(item)),
    note: (text) => context.warn(text),
    end: () => undefined,
  };
}
