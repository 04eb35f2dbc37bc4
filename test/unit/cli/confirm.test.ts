import { expect, test } from "vitest";
import { confirm } from "../../../src/cli/confirm.ts";

function answering(answer: string | undefined) {
  const asked: string[] = [];
  const ask = (question: string): Promise<string | undefined> => {
    asked.push(question);
    return Promise.resolve(answer);
  };
  return { context: { ask }, asked };
}

test.each(["y", "yes", "Y", " YES "])("%j continues", async (answer) => {
  const { context, asked } = answering(answer);
  await confirm(context, "Drop it?", undefined);
  expect(asked).toEqual(["Drop it? [y/N] "]);
});

test.each(["", "n", "no", "yep", "1"])("%j changes nothing", async (answer) => {
  await expect(confirm(answering(answer).context, "Drop it?", undefined)).rejects.toMatchObject({
    code: "declined",
  });
});

test("--yes skips the question; without a terminal it is needed", async () => {
  const { context, asked } = answering(undefined);
  await confirm(context, "Drop it?", true);
  expect(asked).toEqual([]);
  await expect(confirm(context, "Drop it?", undefined)).rejects.toMatchObject({ code: "usage" });
});
