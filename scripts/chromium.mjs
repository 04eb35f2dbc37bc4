// Prints the path of a Chromium for `npm run test:page`; plain JavaScript, no dependencies. `CHROMIUM_BIN`, then PATH, then Debian's own package
// where we are root and apt is there; never a browser from anywhere else. Otherwise ends with what to do.

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const given = process.env.CHROMIUM_BIN;
if (given !== undefined && given !== "") {
  if (!isProgram(given)) fail(`CHROMIUM_BIN names ${given}, which is no program`);
  done(given);
}
const found = inPath();
if (found !== undefined) done(found);
const why = install();
const installed = inPath();
if (installed !== undefined) done(installed);
fail(`no Chromium: set CHROMIUM_BIN, or install one as ${NAMES.join(", ")} in the PATH (${why})`);

function inPath() {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) if (folder !== "" && isProgram(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Returns why there is none. */
function install() {
  if (process.getuid?.() !== 0) return "not root, so apt cannot be asked";
  if (spawnSync("apt-get", ["--version"]).error !== undefined) return "no apt on this machine";
  console.error("chromium: installing Debian's package (once, about a minute)");
  const apt = (...args) =>
    spawnSync("apt-get", ["-qq", "-o", "Dpkg::Use-Pty=0", ...args], {
      stdio: ["ignore", process.stderr, process.stderr],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      timeout: 10 * 60_000,
    }).status;
  const wanted = ["install", "-y", "--no-install-recommends", "chromium"];
  // the package lists may be missing or old
  if (apt(...wanted) === 0 || (apt("update") === 0 && apt(...wanted) === 0)) return "the package has none";
  return "apt-get could not install the package chromium, see above";
}

function done(path) {
  console.log(path);
  process.exit(0);
}

function fail(message) {
  console.error(`chromium: ${message}`);
  process.exit(1);
}
