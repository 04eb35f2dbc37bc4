import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { brokerEnv } from "../../../src/embedded/binary.ts";
import { findExecutable, runCommand } from "../../../src/embedded/command.ts";
import { errorText } from "../../../src/shared/base/errors.ts";
import { findGoTool, toolCache, type FoundTool } from "../go-tool.ts";

/** With its schemas, so that nothing is fetched while it runs. */
const VALIDATE = "kubernetes-validate==1.37.0";
/** A package index needs seconds for its 100 MB; the limit is for one that hangs. */
const INSTALL_MS = 15 * 60_000;

/** A command that prints what a folder of Kustomize becomes, without the folder. */
export async function findKustomize(): Promise<{ command: [string, ...string[]] } | { missing: string }> {
  const kubectl = findExecutable("kubectl", process.env["PATH"]);
  if (kubectl !== undefined) return { command: [kubectl, "kustomize"] };
  const found = await findGoTool({
    name: "kustomize",
    module: "sigs.k8s.io/kustomize/kustomize/v5",
    version: "v5.8.2",
    main: "sigs.k8s.io/kustomize/kustomize/v5",
    brief: true,
    anyVersion: true,
  });
  return "path" in found ? { command: [found.path, "build"] } : found;
}

export function findKubeScore(): Promise<FoundTool> {
  const module = "github.com/zegl/kube-score";
  const main = `${module}/cmd/kube-score`;
  return findGoTool({ name: "kube-score", module, version: "v1.20.0", main, brief: true });
}

/** `kubernetes-validate`, in a virtual environment of our cache: the beginning of its command. It is run by its module, because programs in a moved environment name their old folder. */
export async function findKubernetesValidate(): Promise<
  { command: [string, ...string[]] } | { missing: string }
> {
  const home = toolCache(process.env);
  const venv = join(home, VALIDATE.replace("==", "-"));
  const command: [string, ...string[]] = [join(venv, "bin", "python"), "-m", "kubernetes_validate"];
  if (existsSync(venv)) return { command };
  await mkdir(home, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home, "fetching-"));
  try {
    const { children = {}, path = "", home: HOME = folder } = brokerEnv(process.env);
    const options = { env: { ...children, PATH: path, HOME, LC_ALL: "C" }, timeoutMs: INSTALL_MS };
    await runCommand("python3", ["-m", "venv", folder], options);
    await runCommand(join(folder, "bin", "python"), ["-m", "pip", "install", "--quiet", VALIDATE], options);
    await rename(folder, venv);
    return { command };
  } catch (error) {
    return { missing: `no kubernetes-validate: ${errorText(error)}` };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
