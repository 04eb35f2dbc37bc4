import { expect, test } from "vitest";
import { keptPortArgument, keptPortIn } from "../../../../src/shared/base/kept-port.ts";

test("what is told is what is read, among other arguments", () => {
  expect(keptPortIn(["--under-up", keptPortArgument(8790)])).toBe(8790);
});

test.each([[[]], [["--kept-port="]], [["--kept-port=0"]], [["--kept-port=65536"]], [["--kept-port=x"]]])(
  "%j has no port",
  (args) => {
    expect(keptPortIn(args)).toBeUndefined();
  },
);
