import { showUrl } from "../../shared/base/show-url.ts";
import { fail, ok, warn, type Line } from "../../shared/messages/checks/line.ts";
import { LOOK_MS, reading, type Reading } from "../../shared/messages/checks/reading.ts";

/** Most runners that are listed for one gateway. */
const MOST_LEAVING = 10;

/** A runner that registered a different hostname or profile than its gateway writes into binds, as texts. */
export type RunnerMismatch = { runner: string; registered: string; written: string };

/** The answer of a gateway's `/_relay/ready`, or `asks` if it requires its token first. Undefined if the answer is not a gateway's. */
export type GatewayReady =
  | { ready: boolean; log: string; durability: string; mismatches: RunnerMismatch[]; leaving: string[] }
  | "asks"
  | undefined;
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
  const {
    dependencies,
    durability,
    runner_mismatches: mismatches,
    leaving_runners: leaving,
  } = body as {
    dependencies?: { log?: unknown };
    durability?: unknown;
    runner_mismatches?: unknown;
    leaving_runners?: unknown;
  };
  return {
    ready: body.ready,
    log: logText(dependencies?.log),
    durability: textOf(durability),
    mismatches: Array.isArray(mismatches) ? mismatches.map(mismatchOf) : [],
    leaving: Array.isArray(leaving) ? leaving.map(textOf) : [],
  };
}

/** The state of a dependency, with the reason if there is one. */
function logText(value: unknown): string {
  const { state, reason } = (value ?? {}) as Record<string, unknown>;
  return typeof reason === "string" ? `${textOf(state)} (${reason})` : textOf(state);
}

function mismatchOf(value: unknown): RunnerMismatch {
  const { runner_id: runner, registered, written } = (value ?? {}) as Record<string, unknown>;
  return { runner: textOf(runner), registered: affinityText(registered), written: affinityText(written) };
}

function affinityText(value: unknown): string {
  const { hostname, executor_profile: profile } = (value ?? {}) as Record<string, unknown>;
  return `hostname ${textOf(hostname)}, profile ${textOf(profile)}`;
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
        "no gateway is known here",
        "name one with `doctor --gateway URL`, or its data folder with `--data DIR`",
      ),
    ];
  return facts.flatMap(({ url, ready }) => {
    const check = `gateway ${showUrl(url)}`;
    if (ready.kind === "failed")
      return fail(
        check,
        ready.why,
        "start it, or restart it if it is stuck; until then, agents that use this URL cannot report",
      );
    if (ready.value === undefined)
      return fail(check, "another program answers there", "find out which program uses the port");
    if (ready.value === "asks") return ok(check, "answers, and requires its token");
    const { ready: isReady, log, durability, mismatches, leaving } = ready.value;
    const itself = isReady
      ? ok(check, `ready, durability ${durability}`)
      : fail(check, `not ready; the log is ${log}`, "check its log and the broker");
    return [
      itself,
      ...mismatches.map((mismatch) => judgeMismatch(check, mismatch)),
      ...leaving.slice(0, MOST_LEAVING).map((runner) => judgeLeaving(check, runner)),
    ];
  });
}

function judgeLeaving(check: string, runner: string): Line {
  return warn(
    `runner ${runner} behind ${check}`,
    "asked to be removed while no relay was running",
    "nothing; the gateway asks again once a relay is running",
  );
}

function judgeMismatch(check: string, { runner, registered, written }: RunnerMismatch): Line {
  return fail(
    `runner ${runner} behind ${check}`,
    `registered ${registered}, but the gateway writes ${written} into binds, so its sessions will not resume on it`,
    "start the gateway with the --hostname and --profile that the runner registered, or the runner with the gateway's",
  );
}
