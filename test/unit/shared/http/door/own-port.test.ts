import { expect, test } from "vitest";
import { candidates } from "../../../../../src/shared/http/door/own-port.ts";

const USUAL = 8767;

test.each([
  ["nothing is known", { port: undefined, kept: undefined }, [USUAL, 0]],
  ["one was had", { port: undefined, kept: 9000 }, [9000, USUAL, 0]],
  ["the usual one was had", { port: undefined, kept: USUAL }, [USUAL, 0]],
  ["one is chosen", { port: 9001, kept: undefined }, [9001]],
  ["another one is chosen than was had", { port: 9001, kept: 9000 }, [9001]],
  ["any is chosen", { port: 0, kept: undefined }, [0]],
  ["any is chosen, and one was had", { port: 0, kept: 9000 }, [9000, 0]],
])("%s", (_name, known, ports) => {
  expect(candidates({ ...known, usual: USUAL })).toEqual(ports);
});
