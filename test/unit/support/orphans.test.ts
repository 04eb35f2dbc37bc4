import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.ts";

const ORPHANS = new URL("../../support/orphans.ts", import.meta.url).href;
/** Stands for a worker of the tests, with a program that does not end by itself. */
const WORKER = `
import { spawn } from "node:child_process";
import { endWithUs } from ${JSON.stringify(ORPHANS)};
const [earlier, folder] = process.argv.slice(1);
endWithUs(earlier);
endWithUs(folder);
const { pid } = spawn("sleep", ["600"], { detached: true, stdio: "ignore", env: { ...process.env, PLACE: folder } });
console.log(pid);
`;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.runIf(process.platform === "linux")(
  "what a test left running is ended, and its folder removed, when the tests' process is killed",
  async () => {
    const earlier = mkdtempSync(join(tmpdir(), "earlier-"));
    onTestFinished(() => rmSync(earlier, { recursive: true }));
    const folder = mkdtempSync(join(tmpdir(), "now-"));
    const args = ["--input-type=module", "-e", WORKER, earlier, folder];
    const worker = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(worker.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    worker.kill("SIGKILL");
    await eventually(() => {
      expect(isAlive(pid)).toBe(false);
      expect(existsSync(folder)).toBe(false);
    });
    expect(existsSync(earlier), "its file had ended").toBe(true);
  },
);
