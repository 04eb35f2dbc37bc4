import { codedError } from "../../base/errors.ts";
import { keepSecret, PAGE_TOKEN_FILE } from "./secret-file.ts";
import { secretProblem } from "./secret.ts";

/** The token of the status page: the configured one, or else the one saved in the data folder. Throws `config_invalid` and `data_unusable`. */
export function pageTokenOf(chosen: string | undefined, dataDir: string): string {
  if (chosen === undefined) return keepSecret(dataDir, PAGE_TOKEN_FILE);
  const problem = secretProblem(chosen);
  if (problem !== undefined) throw codedError("config_invalid", `RUNNER_RELAY_PAGE_TOKEN ${problem}`);
  return chosen;
}
