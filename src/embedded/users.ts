import { randomBytes } from "node:crypto";
import { codedError } from "../shared/base/errors.ts";
import type { BrokerRole, GatewayUser } from "../shared/messages/permissions.ts";

/** Name and password of one user of the embedded broker. */
export type Login = { user: string; password: string };

/** A user in the broker's configuration. */
export type BrokerUser = { role: BrokerRole; gateway?: GatewayUser; login: Login };

/** The roles with one user each. */
export const SINGLE_ROLES = [
  "relay",
  "console",
  "operator",
  "admin",
  "prune",
  "serve",
  "worker",
  "session-prune",
  "tokens",
] as const satisfies readonly BrokerRole[];

/** One user per gateway and one for every other role. Passwords by user name are kept, missing ones are made. */
export function brokerUsers(
  gateways: readonly GatewayUser[],
  passwords: Readonly<Record<string, string>> = {},
): BrokerUser[] {
  const login = (user: string): Login => ({
    user,
    password: passwords[user] ?? randomBytes(24).toString("base64url"),
  });
  return [
    ...gateways.map((gateway) => ({
      role: "gateway" as const,
      gateway,
      login: login(`gateway-${gateway.gateway}`),
    })),
    ...SINGLE_ROLES.map((role) => ({ role, login: login(role) })),
  ];
}

/** The login of a role; for a gateway without a name, that of the first one. Throws `usage` for a gateway that the broker was not started with. */
export function loginOf(users: readonly BrokerUser[], role: BrokerRole, gateway?: string): Login {
  const found = users.find(
    (user) => user.role === role && (gateway === undefined || user.gateway?.gateway === gateway),
  );
  if (found === undefined) throw codedError("usage", `the broker has no user for ${role} ${gateway ?? ""}`);
  return found.login;
}

/** The part of the users that is kept between starts. */
export function passwordsOf(users: readonly BrokerUser[]): Record<string, string> {
  return Object.fromEntries(users.map(({ login }) => [login.user, login.password]));
}
