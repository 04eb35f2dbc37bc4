import { Argument, Command } from "commander";
import type { Context } from "./context.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

// Each script calls `runner-relay complete -- WORDS` with the words as they were typed. The shell evaluates none of them, and the scripts need nothing
// but the shell itself. The answer is lines of `word<TAB>description`, ending with `:<directive>`.
const SCRIPTS: Record<(typeof SHELLS)[number], string> = {
  bash: `_runner_relay() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == :* ]] || COMPREPLY+=("\${line%%$'\\t'*}")
  done < <(runner-relay complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _runner_relay runner-relay`,
  zsh: `#compdef runner-relay
_runner_relay() {
  local line
  local -a found
  for line in \${(f)"$(runner-relay complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"}; do
    [[ $line == :* ]] || found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( $#found )); then _describe runner-relay found; else _files; fi
}
compdef _runner_relay runner-relay`,
  fish: `complete -c runner-relay -a '(runner-relay complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null | string match -v -r "^:\\d+$")'`,
};

export function command(context: Context): Command {
  return new Command("completion")
    .description("Prints a script that lets a shell complete commands, options and their values.")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => context.print(SCRIPTS[shell]));
}
