import { expect, test } from "vitest";
import { brokerUsers, loginOf, passwordsOf } from "../../../src/embedded/users.ts";

const GATEWAYS = [{ gateway: "gw1", runner: "runner-1" }];

test("a data folder of before the console gets its user, and every other login stays", () => {
  const kept = { "gateway-gw1": "g".repeat(32), relay: "r".repeat(32), operator: "o".repeat(32) };
  const users = brokerUsers(GATEWAYS, kept);
  expect(passwordsOf(users)).toMatchObject(kept);
  const login = loginOf(users, "console");
  expect(login.user).toBe("console");
  expect(login.password).toMatch(/^[\w-]{32}$/);
  expect(loginOf(brokerUsers(GATEWAYS, passwordsOf(users)), "console"), "from then on it stays").toEqual(
    login,
  );
});
