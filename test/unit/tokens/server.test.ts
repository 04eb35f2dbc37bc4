import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { denied } from "../../../src/tokens/request.ts";
import { createTokenServer } from "../../../src/tokens/server.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

test("BOUND-1: what is read from the broker for strangers is bounded for each address, whatever they ask for", async () => {
  let read = 0;
  let granted = 0;
  const app = createTokenServer({
    clock: createFakeClock(),
    log: silentLogger(),
    tls: undefined,
    isUp: () => true,
    async grant() {
      granted++;
      return denied("invalid_grant", "no");
    },
    async keys() {
      read++;
      return [];
    },
    older: undefined,
  });
  onTestFinished(() => app.close());
  const statuses = new Map<number, number>();
  for (let i = 0; i < 601; i++) {
    const { statusCode } = await app.inject("/.well-known/jwks.json");
    statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
  }
  expect([...statuses]).toEqual([
    [200, 600],
    [429, 1],
  ]);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const payload = "grant_type=refresh_token&refresh_token=x";
  const asked = await app.inject({ method: "POST", url: "/token", headers: form, payload });
  expect(asked).toMatchObject({ statusCode: 429, headers: { "retry-after": "60" } });
  expect([read, granted]).toEqual([600, 0]);
  expect(await app.inject("/ready")).toMatchObject({ statusCode: 200 }); // probes are no strangers
});
