import { describe, expect, test } from "vitest";
import { createRunners } from "../../../src/standin/runners.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const WHO = {
  hostname: "dev-machine",
  project_dir: "/home/dev/project",
  executor_profile: "coding",
  executor: { type: "autonomous", command: "x" },
  tags: [],
  require_matching_tags: false,
};
/** Recorded from the real coordinator for this identity. */
const ID = "lnch_d2e4613e8252";

function start() {
  const clock = createFakeClock();
  return { clock, runners: createRunners({ clock, stamp: () => String(clock.wall()) }) };
}

describe("registration", () => {
  test("the id follows from host name, folder, profile and command", () => {
    const { runners } = start();
    expect(runners.register(WHO)).toMatchObject({ kind: "registered", runner: { runner_id: ID } });
    const other = { ...WHO, executor: { ...WHO.executor, command: "y" } };
    expect(runners.register(other)).toMatchObject({ kind: "registered" });
    expect(runners.list().map(({ runner_id }) => runner_id === ID)).toEqual([true, false]);
  });

  test("the same identity is refused for 120 s after the last heartbeat, then it is the same runner that came back", () => {
    const { clock, runners } = start();
    runners.register(WHO);
    clock.jump(100_000);
    expect(runners.heartbeat(ID)).toBe(true);
    clock.jump(119_999);
    expect(runners.register(WHO)).toEqual({ kind: "duplicate", id: ID });
    const [first] = runners.list();
    clock.jump(1);
    expect(runners.list()).toMatchObject([{ status: "stale", seconds_since_heartbeat: 120 }]);
    expect(runners.register(WHO)).toMatchObject({
      kind: "registered",
      runner: { registered_at: first?.["registered_at"] },
    });
    expect(runners.list()).toMatchObject([{ status: "online" }]);
  });

  test("a runner that is silent for 600 s is removed", () => {
    const { clock, runners } = start();
    runners.register(WHO);
    clock.jump(599_999);
    expect(runners.removeSilent()).toEqual([]);
    clock.jump(1);
    expect(runners.removeSilent()).toEqual([ID]);
    expect(runners.heartbeat(ID)).toBe(false);
  });
});

describe("what waits for a runner's next poll", () => {
  test("stop commands are handed out once, and only for a known runner", () => {
    const { runners } = start();
    expect(runners.addStop(ID, "s1")).toBe(false);
    runners.register(WHO);
    for (const session of ["s1", "s2", "s1"]) expect(runners.addStop(ID, session)).toBe(true);
    expect(runners.takeStops(ID)).toEqual(["s1", "s2"]);
    expect(runners.takeStops(ID)).toEqual([]);
  });

  test("the mark of a deregistered runner is taken once; it meets the next one of that identity", () => {
    const { runners } = start();
    runners.register(WHO);
    runners.mark(ID);
    runners.remove(ID);
    runners.register(WHO);
    expect(runners.takeMark(ID)).toBe(true);
    expect(runners.get(ID)).toBeUndefined();
    expect(runners.takeMark(ID)).toBe(false);
  });
});
