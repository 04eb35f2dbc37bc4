import { findGoTool, type FoundTool } from "../support/go-tool.ts";
import { ETCD, KUBE_APISERVER, KUBECTL } from "./programs.ts";

/** Finds or builds the programs, or fails with one clear message. */
export default async function setup(): Promise<void> {
  for (const tool of [ETCD, KUBE_APISERVER, KUBECTL]) {
    const found: FoundTool = await findGoTool(tool);
    if ("missing" in found) throw new Error(found.missing);
    process.env[`TEST_${tool.name}`] = found.path;
  }
}
