import { withoutMark } from "../../shared/base/byte-order-mark.ts";
import { membersOf, objectOf, textOf } from "../../shared/base/json-members.ts";

/** Longest name of a kind of run, of a session's status, or of an agent's type, in bytes of JSON. */
const MAX_WORD_BYTES = 64;

/**
 * How a poll can be answered with a run that we know from `GET /runs/{id}` only. Unlike a poll's answer, that leaves out the scope, which no executor
 * gets, and the resolved blueprint of the run's agent.
 */
export type Whole =
  | { kind: "whole"; answer: Buffer }
  /** The agent has to be fetched first. */
  | { kind: "needs_agent" }
  /** A start hook may still change the run or forbid it. */
  | { kind: "hooked"; answer: Buffer | undefined }
  /** Its blueprint holds what only the coordinator knows. */
  | { kind: "incomplete" };

/** Decides about a run before its agent is fetched. Pure. */
export function wholeRun(run: Uint8Array): Whole {
  const body = withoutMark(run);
  const members = membersOf(body, ["type", "agent_name", "resolved_agent_blueprint"]);
  const named = textOf(body, members.get("agent_name"), body.length) !== undefined;
  return named ? { kind: "needs_agent" } : { kind: "whole", answer: answerOf(body) };
}

/**
 * Decides with the agent, as `GET /agents/{name}` gives it; undefined for an agent that is gone. A resumed session takes only the parameters, a
 * procedural agent reads its own script, and a blueprint without placeholders and tools is the agent itself. Pure.
 */
export function wholeRunOf(run: Uint8Array, agent: Uint8Array | undefined): Whole {
  const body = withoutMark(run);
  const members = membersOf(body, ["type", "resolved_agent_blueprint"]);
  const known = agent === undefined ? undefined : withoutMark(agent);
  const asItIs =
    members.has("resolved_agent_blueprint") ||
    textOf(body, members.get("type"), MAX_WORD_BYTES) === "resume_session" ||
    (known !== undefined &&
      textOf(known, membersOf(known, ["type"]).get("type"), MAX_WORD_BYTES) === "procedural");
  const blueprint = known !== undefined && isItsOwnBlueprint(known) ? known : undefined;
  const answer =
    asItIs || blueprint !== undefined ? answerOf(body, asItIs ? undefined : blueprint) : undefined;
  if (known !== undefined && hasStartHook(known)) return { kind: "hooked", answer };
  return answer === undefined ? { kind: "incomplete" } : { kind: "whole", answer };
}

/** Byte for byte what the coordinator gave, with the blueprint as a last member of the run where there is one. */
function answerOf(run: Uint8Array, blueprint?: Uint8Array): Buffer {
  if (blueprint === undefined) return Buffer.concat([Buffer.from('{"run":'), run, Buffer.from("}")]);
  const open = run.subarray(0, run.lastIndexOf(0x7d));
  return Buffer.concat([
    Buffer.from('{"run":'),
    open,
    Buffer.from(',"resolved_agent_blueprint":'),
    blueprint,
    Buffer.from("}}"),
  ]);
}

/** No tools, whose addresses the coordinator keeps, and no placeholders but those that the runner fills in. */
function isItsOwnBlueprint(agent: Uint8Array): boolean {
  const members = membersOf(agent, ["name", "mcp_servers"]);
  const tools = members.get("mcp_servers");
  if (!members.has("name")) return false;
  if (
    tools !== undefined &&
    !/^(?:null|\{\s*\})$/.test(Buffer.from(agent.subarray(tools.valueFrom, tools.to)).toString("latin1"))
  )
    return false;
  // `$` and `{` can be written as escapes as well
  return !/\$\{(?!runner\.)|\\u00(?:24|7[bB])/.test(Buffer.from(agent).toString("latin1"));
}

function hasStartHook(agent: Uint8Array): boolean {
  const hooks = objectOf(agent, membersOf(agent, ["hooks"]).get("hooks"));
  return (
    hooks !== undefined &&
    objectOf(hooks, membersOf(hooks, ["on_run_start"]).get("on_run_start")) !== undefined
  );
}

/** Is a session over, or gone? A coordinator that lost a runner fails its sessions at once, and shows its runs as claimed for long. Pure. */
export function isOver(status: Uint8Array): boolean {
  const body = withoutMark(status);
  const word = textOf(body, membersOf(body, ["status"]).get("status"), MAX_WORD_BYTES);
  return word === "failed" || word === "not_existent";
}
