import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLines } from "../../../../../src/shared/base/output/lines.ts";
import { WAITING_BYTES } from "../../../../../src/shared/base/output/pending.ts";
import { createFakeClock } from "../../../../support/fake-clock.ts";

/** What the other side does with one write: takes so many bytes of it, or fails. */
type Answer = number | "EAGAIN" | "EPIPE" | "EIO" | "ENOSPC" | "EDQUOT" | "EFBIG";

/** Something to write to that answers as it was told, and as `otherwise` when it was told no more. */
function stage(answers: Answer[] = [], otherwise: Answer = Infinity) {
  const clock = createFakeClock();
  const written: Buffer[] = [];
  const port = { answers, otherwise, puts: 0, paused: 0 };
  const lines = createLines({
    put(data) {
      port.puts += 1;
      const answer = port.answers.shift() ?? port.otherwise;
      if (typeof answer === "string") throw Object.assign(new Error(answer), { code: answer });
      const bytes = Buffer.from(data).subarray(0, answer);
      written.push(bytes);
      return bytes.length;
    },
    clock,
    notice: (dropped, reason) => `dropped ${dropped} ${reason}\n`,
    pause(ms) {
      port.paused += ms;
      clock.jump(ms);
    },
  });
  return { lines, clock, port, text: () => Buffer.concat(written).toString() };
}

const BIG = `${"x".repeat(1023)}\n`;
const FULL = WAITING_BYTES / BIG.length;

function fill({ lines }: ReturnType<typeof stage>, count = FULL): void {
  for (let i = 0; i < count; i++) lines.write(BIG);
}

describe("lines to what takes them", () => {
  test("are written before `write` returns, one write each", () => {
    const { lines, text, port } = stage();
    lines.write("a\n");
    lines.write("é\n");
    expect(text()).toBe("a\né\n");
    expect(port.puts).toBe(2);
    expect(lines.dropped()).toBe(0);
  });

  test("continue after short writes, also in the middle of a character", () => {
    const { lines, text } = stage([1, 1, 1, 1]);
    lines.write("aé€\n");
    lines.write("b\n");
    expect(text()).toBe("aé€\nb\n");
  });
});

describe("lines to what does not take them", () => {
  test.each(["EAGAIN", "EPIPE", "EIO", "ENOSPC", "EDQUOT", "EFBIG", 0] as const)(
    "%s: nothing is thrown, and they come when it takes them again, in their order",
    (answer) => {
      const it = stage([], answer);
      for (const line of ["a\n", "b\n", "c\n"]) it.lines.write(line);
      expect(it.text()).toBe("");
      it.port.otherwise = Infinity;
      it.clock.jump(250);
      expect(it.text()).toBe("a\nb\nc\n");
      it.lines.write("d\n");
      expect(it.text()).toBe("a\nb\nc\nd\n");
      expect(it.lines.dropped()).toBe(0);
    },
  );

  test("a line that was begun is finished before anything else", () => {
    const it = stage([3], "ENOSPC");
    it.lines.write("abcdef\n");
    it.lines.write("second\n");
    expect(it.text()).toBe("abc");
    it.port.answers = [2, "EAGAIN"];
    it.port.otherwise = Infinity;
    it.clock.jump(5);
    expect(it.text()).toBe("abcde");
    it.clock.jump(250);
    expect(it.text()).toBe("abcdef\nsecond\n");
  });

  test("while blocked a line costs no write, and retries become rare", () => {
    const it = stage([], "EPIPE");
    fill(it, 100);
    expect(it.port.puts).toBe(1);
    it.clock.jump(10_000);
    expect(it.port.puts).toBeLessThan(60);
    expect(it.port.puts).toBeGreaterThan(30);
  });

  test.each([
    ["EAGAIN", "the reader is not reading"],
    ["ENOSPC", "ENOSPC"],
  ] as const)("%s: beyond the limit they are dropped, and a line says how many and why", (answer, reason) => {
    const it = stage([], answer);
    fill(it);
    expect(it.lines.dropped()).toBe(0);
    it.lines.write("one\n");
    it.lines.write("two\nthree\n"); // two lines in one text
    expect(it.lines.dropped()).toBe(3);
    it.port.otherwise = Infinity;
    it.clock.jump(250);
    expect(it.text()).toBe(BIG.repeat(FULL) + `dropped 3 ${reason}\n`);
    it.lines.write("four\n");
    expect(it.text().endsWith(`${reason}\nfour\n`)).toBe(true);
    expect(it.lines.dropped()).toBe(3);
  });

  test("the notice stands where the lines are missing, and not between every two", () => {
    const it = stage([], "EAGAIN");
    fill(it);
    it.lines.write("lost\n");
    it.port.answers = Array.from({ length: FULL / 2 - 1 }, () => Infinity);
    it.clock.jump(5);
    it.lines.write("lost too\n"); // more than half of the limit waits still
    it.port.answers = [Infinity];
    it.clock.jump(5);
    it.lines.write("kept\n");
    it.port.otherwise = Infinity;
    it.clock.jump(250);
    expect(it.text()).toBe(BIG.repeat(FULL) + "dropped 2 the reader is not reading\nkept\n");
  });

  test("a writer that can wait is notified once when there is room, unless it cancelled", () => {
    const it = stage([], "EAGAIN");
    const told: string[] = [];
    expect(it.lines.hasRoom()).toBe(true);
    fill(it);
    expect(it.lines.hasRoom()).toBe(false);
    it.lines.onRoom(() => void told.push("a"));
    const cancel = it.lines.onRoom(() => void told.push("b"));
    cancel();
    it.clock.jump(1000);
    expect(told).toEqual([]);
    it.port.otherwise = Infinity;
    it.clock.jump(250);
    expect(told).toEqual(["a"]);
    fill(it);
    expect(told).toEqual(["a"]);
  });
});

describe("at the end of the process", () => {
  test("a reader that is merely busy gets everything", () => {
    const it = stage(["EAGAIN", "EAGAIN", "EAGAIN"]);
    it.lines.write("why it ends\n");
    it.lines.flush();
    expect(it.text()).toBe("why it ends\n");
  });

  test("one that does not read is waited for a bounded time, one that is gone not at all", () => {
    const still = stage([], "EAGAIN");
    still.lines.write("a\n");
    still.lines.flush();
    expect(still.port.paused).toBe(250);
    const gone = stage([], "EPIPE");
    gone.lines.write("a\n");
    gone.lines.flush();
    expect(gone.port.paused).toBe(0);
  });
});

test("whatever the other side does: whole lines in their order, and every missing one is counted in its place", () => {
  const answer = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<Answer>("EAGAIN", "EPIPE", "ENOSPC", "EIO") },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 40_000 }) },
    { weight: 2, arbitrary: fc.constant(Infinity) },
  );
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        write: fc.integer({ min: 0, max: 60_000 }),
        of: fc.constantFrom("x", "é", "€"),
      }),
    },
    { weight: 1, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 300 }) }) },
  );
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 60 }), fc.array(step, { maxLength: 120 }), (answers, steps) => {
      const it = stage(answers);
      let number = 0;
      for (const one of steps) {
        if ("wait" in one) it.clock.jump(one.wait);
        else it.lines.write(`${number++} ${one.of.repeat(one.write)}\n`);
      }
      it.port.answers = [];
      it.clock.jump(1000);
      let next = 0;
      let missing = 0;
      for (const line of it.text().split("\n").slice(0, -1)) {
        const [first, second] = line.split(" ");
        if (first === "dropped") {
          missing += Number(second);
          next += Number(second);
        } else expect(Number(first)).toBe(next++);
      }
      expect(next).toBe(number);
      expect(missing).toBe(it.lines.dropped());
      expect(it.text().endsWith("\n") || number === 0).toBe(true);
    }),
    { numRuns: 200 },
  );
});
