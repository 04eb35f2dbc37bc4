import { codedError } from "../shared/base/errors.ts";
import type { Context } from "./context.ts";

/** Returns if `--yes` was given or the person at the terminal agrees. Throws `usage` if there is no terminal, and `declined` after a no. */
export async function confirm(
  context: Pick<Context, "ask">,
  question: string,
  yes: boolean | undefined,
): Promise<void> {
  if (yes) return;
  const answer = await context.ask(`${question} [y/N] `);
  if (answer === undefined)
    throw codedError("usage", `${question} This is not a terminal; pass --yes to confirm`);
  if (!/^y(es)?$/i.test(answer.trim())) throw codedError("declined", "nothing was changed");
}
