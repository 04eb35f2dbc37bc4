import { expect, test } from "vitest";
import { throughOutage } from "./outage.ts";

test("a `sync` call lives through an outage in which the gateway is killed, too; test/agents/mcp.test.ts has 20 s of it", async () => {
  const { result, said } = await throughOutage(0);
  expect(result).toMatchObject({ isError: false, value: { result_text: "after the outage" } });
  expect(said.some((text) => text.startsWith("the coordinator is away"))).toBe(true);
});
