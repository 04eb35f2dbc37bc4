import { join } from "node:path";
import type { Given, HostToken } from "./given.ts";
import { quoted } from "./quote.ts";

export const GIT_SCRIPT = "git-credential";

/**
 * The program that git asks for a login. It answers for the exact hosts that it was made with and for nothing that contains, continues or imitates them, and only over https. Letters are
 * compared without their case, as names of hosts are; a port that is not the host's own, a dot at the end, a user's part or two hosts get nothing. Tokens are read from files, so that a
 * renewed one is used at once. What git wants to have stored or erased is ignored. Pure.
 */
export function gitScript(hosts: readonly HostToken[], folder: string): string {
  const cases = hosts.map(({ host, user, file }) => {
    const names = host.includes(":") ? [host] : [host, `${host}:443`];
    return `  ${names.map(quoted).join("|")}) user=${quoted(user)} file=${quoted(join(folder, file))} ;;\n`;
  });
  return `#!/bin/sh
# Logins for git, for the turn of an agent.
[ "$1" = get ] || exit 0
protocol= host= hosts=0
while IFS= read -r line && [ -n "$line" ]; do
  case $line in
  protocol=*) protocol=\${line#protocol=} ;;
  host=*) host=\${line#host=} hosts=$((hosts + 1)) ;;
  esac
done
[ "$protocol" = https ] && [ "$hosts" = 1 ] || exit 0
case $(printf %s "$host" | LC_ALL=C tr ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz) in
${cases.join("")}  *) exit 0 ;;
esac
[ -r "$file" ] && IFS= read -r token < "$file" && printf 'username=%s\\npassword=%s\\n' "$user" "$token"
`;
}

/**
 * Settings of git as variables, so that no file of the user changes. Where we have a login, no other program is asked, and none gets the token to store it: an empty value takes those
 * away that were named before. Pure.
 */
export function gitVariables({ hosts, identity }: Given, folder: string): Record<string, string> {
  const program = `!${quoted(join(folder, GIT_SCRIPT))}`;
  const settings: [string, string][] = [
    ...hosts.flatMap(({ host }): [string, string][] => [
      [`credential.https://${host}.helper`, ""],
      [`credential.https://${host}.helper`, program],
    ]),
    ...Object.entries(identity).map(([name, value]): [string, string] => [`user.${name}`, value]),
  ];
  if (settings.length === 0) return {};
  const numbered = settings.flatMap(([key, value], i) => [
    [`GIT_CONFIG_KEY_${i}`, key],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(numbered) };
}
