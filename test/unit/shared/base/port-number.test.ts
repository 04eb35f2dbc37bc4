import { expect, test } from "vitest";
import { portIn } from "../../../../src/shared/base/port-number.ts";

test.each([
  ["8123\n", 8123],
  [" 1 ", 1],
  ["65535", 65_535],
  ["65536", undefined],
  ["0", undefined],
  ["-1", undefined],
  ["3.5", undefined],
  ["0x50", undefined],
  ["1e3", undefined],
  ["8123 9000", undefined],
  ["", undefined],
  ["null", undefined],
])("a kept text %j is port %j", (text, port) => {
  expect(portIn(text)).toBe(port);
});
