import { throughOutage } from "../../integration/mcp/outage.ts";
import { ms, type Report } from "../report.ts";

/** A call that waits for a run lives through an outage that its run does not notice. */
export async function mcp({ awayMs }: { awayMs: number }, report: Report): Promise<void> {
  const { result, said, tookMs } = await throughOutage(awayMs);
  report.note("the call", `took ${ms(tookMs)} and told of ${said.length} looks`);
  report.check("the outage was as long as it should be", tookMs >= awayMs, ms(tookMs));
  report.check("the result came", !result.isError, JSON.stringify(result.value));
  const away = said.filter((text) => text.startsWith("the coordinator is away"));
  report.check("the outage was told of", away.length > 0, `${away.length} times`);
}
