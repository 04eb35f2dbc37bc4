import type { Permissions } from "../shared/messages/permissions.ts";

/** A user in a configuration that a person deploys. */
export type DeployedUser = {
  name: string;
  /** The variable in nats-server's environment that has the password. */
  variable: string;
  permissions: Permissions;
};

/** The list of users in nats-server's syntax, as `deploy/nats` has it, to be put where the server expects `users`. `margin` is put before each line. Pure. */
export function usersText(users: readonly DeployedUser[], margin: string): string {
  const entries = users.flatMap(({ name, variable, permissions: { publish, subscribe } }) => [
    "  {",
    `    user: ${name}`,
    `    password: $${variable}`,
    "    permissions {",
    "      publish { allow: [",
    ...listed(publish),
    "      ] }",
    "      subscribe { allow: [",
    ...listed(subscribe),
    "      ] }",
    "    }",
    "  }",
  ]);
  return ["users: [", ...entries, "]"].map((line) => `${margin}${line}\n`).join("");
}

/** The name of a role's variable: `session-prune` is `SESSION_PRUNE_PASSWORD`. Pure. */
export function passwordVariable(name: string): string {
  return `${name.toUpperCase().replaceAll("-", "_")}_PASSWORD`;
}

function listed(subjects: readonly string[]): string[] {
  return subjects.map((subject) => `        "${subject}"`);
}
