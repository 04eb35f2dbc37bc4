import { expect } from "vitest";
import { stepsOf, textOf, type Block } from "./blocks.ts";
import { isShown } from "./normal.ts";
import type { Stage } from "./stage.ts";

/** The block as it should be: as it is if that is what its commands show, else with what they really show. */
export async function typeBlock(stage: Stage, { when, text, terminal, line }: Block): Promise<string> {
  if (when !== undefined) await stage.become(when);
  const steps = stepsOf(text);
  for (const step of steps) {
    const { code, output } = await stage.type(step.command, terminal);
    expect(code, `line ${line}: $ ${step.command}\n${output}`).toBe(0);
    const lines = output.replaceAll("\r", "").replace(/[^\n]$/, "$&\n");
    const real = stage.inWords(lines);
    if (!isShown(step.shown, real)) step.shown = real;
  }
  return textOf(steps);
}
