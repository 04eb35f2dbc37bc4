import { InvalidArgumentError } from "commander";
import type { StartFrom } from "../shared/log/provision/checkpoints.ts";

/** Reads `--from` of the commands that make the log. */
export function startFrom(text: string): StartFrom {
  if (text === "first" || text === "new") return text;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("must be first, new or a sequence from 1");
}
