import { showUrl } from "../../shared/show-url.ts";
import { fail, ok, warn, type Line } from "./line.ts";
import { LOOK_MS, reading, type Reading } from "./reading.ts";

/** What `/_relay/ready` of a gateway says, or that it asks for its token first; undefined if that is no gateway's answer. */
export type GatewayReady = { ready: boolean; log: string; durability: string } | "asks" | undefined;
export type GatewayFact = { url: string; ready: Reading<GatewayReady> };

export async function readGateways(urls: readonly string[]): Promise<GatewayFact[]> {
  return Promise.all(urls.map(async (url) => ({ url, ready: await reading(() => ask(url)) })));
}

async function ask(url: string): Promise<GatewayReady> {
  const response = await fetch(new URL("/_relay/ready", url), {
    signal: AbortSignal.timeout(LOOK_MS),
    redirect: "manual",
  });
  const body: unknown = await response.json().catch(() => undefined);
  return gatewayReady(body);
}

/** Pure. */
export function gatewayReady(body: unknown): GatewayReady {
  if (typeof body === "object" && body !== null && "code" in body && body.code === "inbound_unauthorized")
    return "asks";
  if (typeof body !== "object" || body === null || !("ready" in body) || typeof body.ready !== "boolean")
    return undefined;
  const { dependencies, durability } = body as {
    dependencies?: { log?: { state?: unknown } };
    durability?: unknown;
  };
  return {
    ready: body.ready,
    log: textOf(dependencies?.log?.state),
    durability: textOf(durability),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "unknown";
}

/** Pure. */
export function judgeGateways(facts: readonly GatewayFact[]): Line[] {
  if (facts.length === 0)
    return [
      warn(
        "gateway",
        "none is known here",
        "name one: `doctor --gateway URL`, or the data folder: `--data DIR`",
      ),
    ];
  return facts.map(({ url, ready }) => {
    const check = `gateway ${showUrl(url)}`;
    if (ready.kind === "failed")
      return fail(check, ready.why, "start it: agents that hold this URL cannot report meanwhile");
    if (ready.value === undefined)
      return fail(check, "something else answers there", "find out what has the port");
    if (ready.value === "asks") return ok(check, "answers, and asks for its token");
    const { ready: isReady, log, durability } = ready.value;
    if (!isReady) return fail(check, `not ready; the log is ${log}`, "see its log, and broker");
    return ok(check, `ready, durability ${durability}`);
  });
}
