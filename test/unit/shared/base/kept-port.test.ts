import { expect, test } from "vitest";
import { keptPortArgument, keptPortIn } from "../../../../src/shared/base/kept-port.ts";

test("the argument that is written is read back, among other arguments", () => {
  expect(keptPortIn(["--under-up", keptPortArgument(8790)])).toBe(8790);
});

test.each([[[]], [["--kept-port="]], [["--kept-port=0"]], [["--kept-port=65536"]], [["--kept-port=x"]]])(
  "%j has no port",
  (args) => {
    expect(keptPortIn(args)).toBeUndefined();
  },
);
