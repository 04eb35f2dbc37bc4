import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { permissionsOf, type BrokerRole } from "../../../src/shared/messages/permissions.ts";
import { readSyncAlways } from "../../../src/shared/log/durability/sync-always.ts";

const FOLDER = resolve(import.meta.dirname, "../../../deploy/nats");

/** Users as in the embedded broker; a second gateway needs a second user. */
const USERS: { name: string; role: BrokerRole; variable: string }[] = [
  { name: "gateway-gw1", role: "gateway", variable: "GATEWAY_PASSWORD" },
  { name: "relay", role: "relay", variable: "RELAY_PASSWORD" },
  { name: "console", role: "console", variable: "CONSOLE_PASSWORD" },
  { name: "operator", role: "operator", variable: "OPERATOR_PASSWORD" },
  { name: "admin", role: "admin", variable: "ADMIN_PASSWORD" },
  { name: "prune", role: "prune", variable: "PRUNE_PASSWORD" },
  { name: "serve", role: "serve", variable: "SERVE_PASSWORD" },
  { name: "worker", role: "worker", variable: "WORKER_PASSWORD" },
  { name: "session-prune", role: "session-prune", variable: "SESSION_PRUNE_PASSWORD" },
  { name: "tokens", role: "tokens", variable: "TOKENS_PASSWORD" },
];

test("deploy/nats/users.conf gives every user what src/shared/messages/permissions.ts says, and nothing else", async () => {
  await expect(render()).toMatchFileSnapshot(resolve(FOLDER, "users.conf"));
});

test("deploy/nats/nats-server.conf syncs every write, and we can see it", () => {
  const text = readFileSync(resolve(FOLDER, "nats-server.conf"), "utf8");
  expect(readSyncAlways(text)).toBe(true);
  expect(text).toContain('include "users.conf"');
});

function render(): string {
  const users = USERS.map(({ name, role, variable }) => {
    const { publish, subscribe } = permissionsOf(role, { gateway: "gw1", runner: "runner-1" });
    return [
      "    {",
      `      user: ${name}`,
      `      password: $${variable}`,
      "      permissions {",
      `        publish { allow: [\n${lines(publish)}        ] }`,
      `        subscribe { allow: [\n${lines(subscribe)}        ] }`,
      "      }",
      "    }",
    ].join("\n");
  });
  return `# Users of the broker, one per role (docs/architecture.md, "Processes and users"). Written and checked by
# test/unit/docs/permissions.test.ts from src/shared/messages/permissions.ts. Passwords come from nats-server's environment and must begin with
# a letter. A gateway's user may speak for its own gateway (RUNNER_RELAY_GATEWAY, here gw1) and its own runner (RUNNER_RELAY_RUNNER, here
# runner-1) only. For a second gateway copy the first user: another name, another password, and its own gateway and runner in each subject.
authorization {
  users: [
${users.join("\n")}
  ]
}
`;
}

function lines(subjects: readonly string[]): string {
  return subjects.map((subject) => `          "${subject}"\n`).join("");
}
