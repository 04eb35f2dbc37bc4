import { parseJsonWithin, RECORD_JSON } from "../../shared/base/json-scan.ts";
import { codedError } from "../../shared/base/errors.ts";
import { backEndProblem, type BackEnd } from "./back-end.ts";
import { providerOf, type Provider } from "./providers.ts";

/** What the settings say about credentials. */
export type CredentialSettings = {
  credentialsUrl?: string | undefined;
  credentialsProject?: string | undefined;
  credentialsProviders: string;
  credentialsIds?: string | undefined;
  credentialsSidecars?: string | undefined;
};

/** Where credentials are fetched, and which. */
export type CredentialPlan = {
  backEnd: BackEnd;
  providers: readonly Provider[];
  /** URLs of the sidecars that have the credentials of a provider, by its name. */
  sidecars: Readonly<Record<string, string>>;
};

/** Undefined where no back end is configured. Throws `config_invalid` with every problem. Pure. */
export function planOf(settings: CredentialSettings): CredentialPlan | undefined {
  const { credentialsUrl: url, credentialsProject: project } = settings;
  if (url === undefined) return undefined;
  const problems: string[] = [];
  const wrong = backEndProblem(url);
  if (wrong !== undefined) problems.push(`RUNNER_RELAY_CREDENTIALS_URL ${wrong}`);
  if (project === undefined)
    problems.push("RUNNER_RELAY_CREDENTIALS_PROJECT is needed with RUNNER_RELAY_CREDENTIALS_URL");
  const names = settings.credentialsProviders
    .split(",")
    .map((name) => name.trim())
    .filter((it) => it !== "");
  const providers = names.flatMap((name) => {
    const provider = providerOf(name);
    if (provider === undefined)
      problems.push(`RUNNER_RELAY_CREDENTIALS_PROVIDERS: there is no provider ${JSON.stringify(name)}`);
    return provider ?? [];
  });
  const ids = textsIn("RUNNER_RELAY_CREDENTIALS_IDS", settings.credentialsIds, problems);
  const sidecars = textsIn("RUNNER_RELAY_CREDENTIALS_SIDECARS", settings.credentialsSidecars, problems);
  for (const [name, sidecar] of Object.entries(sidecars))
    if (!isPlainUrl(sidecar))
      problems.push(
        `RUNNER_RELAY_CREDENTIALS_SIDECARS: the URL of ${JSON.stringify(name)} must be http or https, without a login`,
      );
  if (problems.length > 0) throw codedError("config_invalid", problems.join("\n"));
  return { backEnd: { url, project: project ?? "", ids }, providers, sidecars };
}

/** The URL of a sidecar is shown in logs, and given to programs. */
function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === "";
}

/** A JSON object of texts. */
function textsIn(name: string, text: string | undefined, problems: string[]): Record<string, string> {
  if (text === undefined) return {};
  const value = parseJsonWithin(Buffer.from(text), RECORD_JSON);
  const object = typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  if (object === undefined || !Object.values(object).every((it) => typeof it === "string" && it !== "")) {
    problems.push(`${name} must be a JSON object with texts`);
    return {};
  }
  return { ...object };
}
