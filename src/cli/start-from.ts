import { InvalidArgumentError } from "commander";
import type { StartFrom } from "../shared/log/provision/checkpoints.ts";

/** Parses `--from` of the commands that create the log. */
export function startFrom(text: string): StartFrom {
  if (text === "first" || text === "new") return text;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("must be first, new or a sequence number (1 or higher)");
}
