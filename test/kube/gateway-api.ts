import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toolCache } from "../support/go-tool.ts";

/** The release whose fields the routes of ours have. */
const MODULE = "sigs.k8s.io/gateway-api@v1.4.0";
const FILE = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml";

/** The schema of HTTPRoutes, from the module that has it, kept in our cache. */
export async function gatewayApi(): Promise<string> {
  const cached = join(toolCache(process.env), "httproutes-v1.4.0.yaml");
  if (!existsSync(cached)) {
    const told = execFileSync("go", ["mod", "download", "-json", MODULE], { encoding: "utf8" });
    const { Dir } = JSON.parse(told) as { Dir: string };
    writeFileSync(cached, readFileSync(join(Dir, FILE)));
  }
  return readFileSync(cached, "utf8");
}
