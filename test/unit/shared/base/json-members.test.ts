import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  elementsOf,
  membersOf,
  membersOfLong,
  objectOf,
  textOf,
  valueOf,
} from "../../../../src/shared/base/json-members.ts";

const spaced = (value: unknown, space: number): Buffer => Buffer.from(JSON.stringify(value, null, space));

test("the elements of a list are those that JSON.parse sees", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.integer({ min: 0, max: 2 }), (values, space) => {
      const found = Array.from(
        elementsOf(spaced(values, space)),
        (bytes) => JSON.parse(Buffer.from(bytes).toString()) as unknown,
      );
      expect(found).toEqual(JSON.parse(JSON.stringify(values)));
    }),
  );
});

test("members are those that JSON.parse sees, in one go and in slices", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.jsonValue()),
      fc.integer({ min: 0, max: 2 }),
      async (object, space) => {
        const body = spaced(object, space);
        for (const members of [membersOf(body, ["a", "b"]), await membersOfLong(body, ["a", "b"])]) {
          const found = Object.fromEntries(
            Array.from(members, ([name, member]) => [
              name,
              JSON.parse(Buffer.from(valueOf(body, member)).toString()) as unknown,
            ]),
          );
          const { a, b } = JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
          expect(found).toEqual({
            ...("a" in object ? { a } : {}),
            ...("b" in object ? { b } : {}),
          });
        }
      },
    ),
  );
});

test.each(["", "null", "7", '"text"', '{"a":[1,2]}', "[]", "[ ]"])("no elements: %s", (text) => {
  expect([...elementsOf(Buffer.from(text))]).toEqual([]);
});

test("what is no object, no text, too long or broken is nothing", async () => {
  const body = Buffer.from('{"a":null,"b":[1],"c":"12345"}');
  const members = membersOf(body, ["a", "b", "c"]);
  expect(objectOf(body, members.get("b"))).toBeUndefined();
  expect(textOf(body, members.get("a"), 10)).toBeUndefined();
  expect(textOf(body, members.get("c"), 6)).toBeUndefined();
  expect(textOf(body, members.get("c"), 7)).toBe("12345");
  expect(membersOf(Buffer.from('{"a":1'), ["a"]).size).toBe(0);
  expect((await membersOfLong(Buffer.from('[{"a":1}]'), ["a"])).size).toBe(0);
});
