import * as fc from "fast-check";
import { expect, test } from "vitest";
import { isNewEnough, parseServerVersion } from "../../../src/embedded/version.ts";

test.each([
  ["nats-server: v2.15.2\n", "2.15.2"],
  ["nats-server: v2.14.0", "2.14.0"],
  ["nats-server: v2.15.0-RC.2\n", "2.15.0"],
  ["nats-server: 2.15.1+debian\n", "2.15.1"],
  ["warning: something\nnats-server: v2.15.2\n", "2.15.2"],
  ["nats-streaming-server: v2.15.2", undefined],
  ["nats-server: vnext", undefined],
  ["v2.15.2", undefined],
  ["", undefined],
])("version in %j", (output, version) => {
  expect(parseServerVersion(output)).toBe(version);
});

test.each([
  ["2.14.0", true],
  ["2.14.1", true],
  ["2.15.0", true],
  ["3.0.0", true],
  ["10.0.0", true],
  ["2.13.99", false],
  ["2.9.25", false],
  ["1.99.99", false],
])("%s is new enough: %s", (version, expected) => {
  expect(isNewEnough(version, "2.14.0")).toBe(expected);
});

test("versions compare by number, part after part", () => {
  const part = fc.nat(30);
  const version = fc.tuple(part, part, part);
  fc.assert(
    fc.property(version, version, (a, b) => {
      const weight = ([x, y, z]: [number, number, number]): number => (x * 100 + y) * 100 + z;
      expect(isNewEnough(a.join("."), b.join("."))).toBe(weight(a) >= weight(b));
    }),
  );
});
