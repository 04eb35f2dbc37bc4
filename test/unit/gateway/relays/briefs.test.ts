import { describe, expect, test } from "vitest";
import { createBriefs } from "../../../../src/gateway/relays/briefs.ts";
import { HEARING_MS } from "../../../../src/shared/messages/hearing.ts";
import { encodeBrief, type RelayBrief } from "../../../../src/shared/messages/relay-brief.ts";
import { STATE_SILENCE_MS } from "../../../../src/shared/messages/relay-state.ts";

const briefOf = (part: Partial<RelayBrief> = {}): RelayBrief => ({
  relay: "r",
  instance: "i1",
  number: 1,
  shards: [{ shard: 0, behind: false, waiting: false }],
  standby: [],
  coordinator: { state: "up" },
  wholeOnly: false,
  ...part,
});
const text = (part: Partial<RelayBrief> = {}): string => encodeBrief(briefOf(part));

describe("beats", () => {
  test("one that stands for the newest brief keeps it fresh; without any it goes silent", () => {
    const briefs = createBriefs(0);
    expect(briefs.brief(text(), 0)).toEqual(briefOf());
    expect(briefs.beat("r", "i1 1", 2000)).toEqual({ kind: "holds", brief: briefOf() });
    expect(briefs.fresh(2000 + STATE_SILENCE_MS - 1)).toEqual([briefOf()]);
    expect(briefs.fresh(2000 + STATE_SILENCE_MS)).toEqual([]);
  });

  test.each([
    ["of a brief that was missed", "i1 2", "r-i1"],
    ["of another process", "i2 1", "r-i2"],
  ])("%s: the relay is asked", (_, beat, process) => {
    const briefs = createBriefs(0);
    briefs.brief(text(), 0);
    expect(briefs.beat("r", beat, 1)).toEqual({ kind: "asks", process });
    expect(briefs.fresh(1)).toEqual([]); // what is known of it does not hold any more
    expect(briefs.speaks("r", 1)).toBe(true);
  });

  test("of a relay that was never heard: it is asked, and its answer counts", () => {
    const briefs = createBriefs(0);
    expect(briefs.beat("r=20x", "i1 9", 0)).toEqual({ kind: "asks", process: "r=20x-i1" });
    const own = { relay: "r x", number: 9 };
    expect(briefs.brief(text(own), 1)).toEqual(briefOf(own));
    expect(briefs.beat("r=20x", "i1 9", 2)?.kind).toBe("holds");
    expect(briefs.beat("r=20x", "nonsense", 2)).toBeUndefined();
  });

  test("an answer that was overtaken by a newer brief is left out; a new process begins at 1", () => {
    const briefs = createBriefs(0);
    briefs.brief(text({ number: 5 }), 0);
    expect(briefs.brief(text({ number: 4 }), 1)).toBeUndefined();
    expect(briefs.brief(text({ instance: "i2", number: 1 }), 2)?.instance).toBe("i2");
  });

  test("a relay that stops is reported, and forgotten", () => {
    const briefs = createBriefs(0);
    briefs.brief(text(), 0);
    expect(briefs.brief(text({ number: 2, stopping: true }), 1)?.stopping).toBe(true);
    expect(briefs.fresh(1)).toEqual([]);
    expect(briefs.speaks("r", 1)).toBe(false);
  });
});

describe("whole states", () => {
  test("are wanted where no relay was heard for longer than each of them is silent", () => {
    const briefs = createBriefs(1000);
    expect(briefs.wantsWhole(1000 + HEARING_MS - 1)).toBe(false);
    expect(briefs.wantsWhole(1000 + HEARING_MS)).toBe(true);
    briefs.brief(text(), 5000);
    expect(briefs.wantsWhole(5000)).toBe(false);
    expect(briefs.wantsWhole(5000 + STATE_SILENCE_MS)).toBe(true);
  });

  test("are not wanted while a relay is asked for its brief", () => {
    const briefs = createBriefs(0);
    briefs.beat("r", "i1 1", 5000);
    expect(briefs.wantsWhole(5000)).toBe(false);
  });

  test("are wanted while one of the relays says that another one publishes nothing else", () => {
    const briefs = createBriefs(0);
    briefs.brief(text({ relay: "a" }), 5000);
    briefs.brief(text({ relay: "b", wholeOnly: true }), 5000);
    expect(briefs.wantsWhole(5000)).toBe(true);
    expect(briefs.speaks("a", 5000)).toBe(true);
    expect(briefs.speaks("old", 5000)).toBe(false);
    briefs.brief(text({ relay: "b", number: 2 }), 6000);
    expect(briefs.wantsWhole(6000)).toBe(false);
  });
});
