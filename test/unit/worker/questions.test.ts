import { expect, test } from "vitest";
import { createQuestions } from "../../../src/worker/questions.ts";

test("ASK-1: a question is answered once, by the decision or by the end of its turn", async () => {
  const questions = createQuestions();
  const [decided, left] = [questions.wait("decided"), questions.wait("left")];
  questions.take("decided")?.({ allow: true });
  expect(await decided).toEqual({ allow: true });
  expect(questions.take("decided")).toBeUndefined();
  questions.refuse();
  expect(questions.takeAll()).toEqual(["left"]);
  expect(questions.take("left"), "a decision behind the end of the turn").toBeUndefined();
  expect(await left).toEqual({ allow: false });
  expect(await questions.wait("late")).toEqual({ allow: false });
});
