import { errorText } from "../shared/base/errors.ts";
import { RunnerUnavailableError } from "./port.ts";

/** A shell's words for a program that it cannot start. */
const NOT_STARTED = /^(?:\/bin\/)?sh: .*(?:not found|no such file or directory|permission denied)\s*$/im;
/** Programs' words for what another version of them would know. */
const OTHER_VERSION =
  /unrecognized (?:subcommand|option|argument)|unknown (?:command|option)|unexpected argument/i;

/** What to say of a program that failed. `said`: the end of what it wrote on stderr. One that cannot be started, or is of another version, is not available. */
export function programFailure(error: unknown, said: string): Error {
  const text = errorText(error);
  const message = said === "" || text.includes(said) ? text : `${text}: ${said}`;
  return NOT_STARTED.test(said) || OTHER_VERSION.test(said)
    ? new RunnerUnavailableError(message, { cause: error })
    : Object.assign(new Error(message, { cause: error }), { code: "RUNNER_EXIT" });
}
