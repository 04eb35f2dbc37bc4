import { expect, test } from "vitest";
import { echoRunner } from "../../../src/agents/echo.ts";
import { createRegistry } from "../../../src/agents/registry.ts";

function counted(): { made: string[]; make: (name: string) => () => ReturnType<typeof echoRunner> } {
  const made: string[] = [];
  return {
    made,
    make: (name) => () => {
      made.push(name);
      return echoRunner();
    },
  };
}

test("one runner per adapter, made when it is asked for", () => {
  const { made, make } = counted();
  const registry = createRegistry({ a: make("a"), b: make("b") }, "a");
  expect(made).toEqual([]);
  const a = registry.get("a");
  expect(registry.get("a")).toBe(a);
  expect(registry.get()).toBe(a);
  expect(registry.get("b")).not.toBe(a);
  expect(made).toEqual(["a", "b"]);
});

test.each(["c", "toString", ""])("there is no adapter %j", (name) => {
  const registry = createRegistry({ a: echoRunner }, "a");
  expect(() => registry.get(name)).toThrow(`Unknown agent adapter: ${name}`);
  expect(registry.has(name)).toBe(false);
});

test("without a usual adapter one has to be named", () => {
  expect(() => createRegistry({ a: echoRunner }).get()).toThrow("no agent adapter is configured");
});
