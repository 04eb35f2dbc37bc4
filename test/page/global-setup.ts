import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** Finds a Chromium, or installs Debian's, or fails with one clear message. */
export default function setup(): void {
  const script = join(import.meta.dirname, "../../scripts/chromium.mjs");
  const { status, stdout } = spawnSync(process.execPath, [script], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  if (status !== 0) throw new Error("no Chromium to test the page with, see above");
  process.env["CHROMIUM_BIN"] = stdout.trim();
}
