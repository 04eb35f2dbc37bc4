import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lifeSeconds, tokenMembers } from "../../../../src/shared/credentials/token-answer.ts";

const YEAR_S = 365 * 24 * 60 * 60;

describe("the life of a token", () => {
  test.each([
    [3600, 3600],
    ["3600", 3600],
    [" 3600 ", 3600],
    ["3600.5", 3600.5],
    [0.5, 0.5],
    [1, 1],
    [YEAR_S, YEAR_S],
    [YEAR_S + 1, YEAR_S],
    [Number.MAX_VALUE, YEAR_S],
    [Infinity, YEAR_S],
    ["99999999999999999999", YEAR_S],
  ])("%j is %j seconds", (value, seconds) => {
    expect(lifeSeconds(value)).toBe(seconds);
  });

  test.each([
    [undefined],
    [null],
    [0],
    [-0],
    [-1],
    [NaN],
    ["0"],
    ["-1"],
    [""],
    ["never"],
    ["1h"],
    ["PT1H"],
    ["0x10"],
    ["1e9"],
    ["2031-05-04T00:00:00Z"],
    [true],
    [[3600]],
    [{ seconds: 3600 }],
  ])("%j says nothing", (value) => {
    expect(lifeSeconds(value)).toBeUndefined();
  });

  test("whatever it is, it is a positive number of at most a year, or nothing", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const life = lifeSeconds(value);
        expect(life === undefined || (life > 0 && life <= YEAR_S)).toBe(true);
      }),
    );
  });
});

describe("what is taken from an answer", () => {
  test("nothing but token, type and life", () => {
    const body = JSON.stringify({
      access_token: "t",
      token_type: "Bearer",
      expires_in: 60,
      id_token: 1,
      x: [],
    });
    expect(tokenMembers(body)).toEqual({ access_token: "t", token_type: "Bearer", expires_in: 60 });
  });

  test.each([[undefined], [null], [""]])("a type of %j is bearer", (type) => {
    expect(tokenMembers(JSON.stringify({ access_token: "t", token_type: type }))?.token_type).toBe("bearer");
  });

  test.each([[""], ["no JSON"], ["null"], ["[]"], ['"text"'], ["1"]])("nothing of %j", (body) => {
    expect(tokenMembers(body)).toBeUndefined();
  });
});
