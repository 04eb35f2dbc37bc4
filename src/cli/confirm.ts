import { codedError } from "../shared/base/errors.ts";
import type { Context } from "./context.ts";

/**
 * Goes on if `--yes` was given or the person at the terminal says so. Throws `usage` where nobody can be asked, `declined` after a no.
 */
export async function confirm(
  context: Pick<Context, "ask">,
  question: string,
  yes: boolean | undefined,
): Promise<void> {
  if (yes) return;
  const answer = await context.ask(`${question} [y/N] `);
  if (answer === undefined) throw codedError("usage", `${question} Nobody can be asked here: say --yes`);
  if (!/^y(es)?$/i.test(answer.trim())) throw codedError("declined", "nothing was changed");
}
