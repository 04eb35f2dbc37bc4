import { join } from "node:path";
import { quoted } from "./quote.ts";

/**
 * A `gh` before the real one: it gives that the newest token of the turn, which the variables of a running program cannot have. `gh` sends GH_TOKEN and GITHUB_TOKEN to every host below
 * ghe.com as well, so that a call that names another host than github.com gets neither. Words that are the text of something (a body, a title) name no host. Without a real
 * `gh` it ends with 1. Pure.
 */
export function ghScript(bin: string, tokenFile: string): string {
  return `#!/bin/sh
# gh with the newest token of an agent's turn.
ours=yes
host() {
  case $(printf %s "$1" | LC_ALL=C tr ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz) in
  github.com|www.github.com|api.github.com|gist.github.com) ;;
  *) ours=no ;;
  esac
}
place() { # [HOST/]OWNER/REPO, a URL, or user@host:path
  case $1 in
  https://*|ssh://git@*) it=\${1#*://}; it=\${it#git@}; it=\${it%%/*}; it=\${it%%[?#]*}
    case $it in *[@\\\\]*) ours=no ;; *) host "\${it%:443}" ;; esac ;;
  *://*) ours=no ;;
  *@*:*) it=\${1#*@}; host "\${it%%:*}" ;;
  */*/*/*) ;;
  *.*/*/*) host "\${1%%/*}" ;;
  esac
}
[ -z "$GH_HOST" ] || host "$GH_HOST"
[ -z "$GH_REPO" ] || place "$GH_REPO"
before=
for word in "$@"; do
  case $before in
  --hostname|-h) host "$word" ;;
  -R|--repo) place "$word" ;;
  -b|--body|-t|--title|-m|--message|-n|--notes|-d|--description|--homepage|-c|--comment) ;;
  -f|--raw-field|-F|--field|-H|--header|-q|--jq|-T|--template|-S|--search|--subject) ;;
  *)
    case $word in
    --hostname=*) host "\${word#*=}" ;;
    --repo=*) place "\${word#*=}" ;;
    -R?*) it=\${word#-R}; place "\${it#=}" ;;
    -*) ;;
    *) place "$word" ;;
    esac ;;
  esac
  before=$word
done
if [ "$ours" = no ]; then unset GH_TOKEN GITHUB_TOKEN
elif [ -r ${quoted(tokenFile)} ] && IFS= read -r token < ${quoted(tokenFile)}; then export GH_TOKEN="$token"
fi
set -f
IFS=:
for at in $PATH; do
  if [ "$at" != ${quoted(bin)} ] && [ -f "$at/gh" ] && [ -x "$at/gh" ]; then
    unset IFS token
    exec "$at/gh" "$@"
  fi
done
echo "gh is not installed on this machine" >&2
exit 1
`;
}

/** The folder that stands first in the PATH of a turn's programs. Pure. */
export function binOf(folder: string): string {
  return join(folder, "bin");
}
