import { expect, test } from "vitest";
import { throughOutage } from "../integration/mcp/outage.ts";

test("a `sync` call lives through an outage of 20 s, in which the gateway is killed, too", async () => {
  const { result, said, tookMs } = await throughOutage(20_000);
  expect(result).toMatchObject({ isError: false, value: { result_text: "after the outage" } });
  const away = said.filter((text) => text.startsWith("the coordinator is away"));
  expect(away.length).toBeGreaterThanOrEqual(3); // it looks every 2 s, and a look may wait for an answer
  expect(tookMs).toBeGreaterThanOrEqual(20_000);
  console.log(`mcp: ${said.length} looks in ${Math.round(tookMs)} ms, ${away.length} of them in the outage`);
});
