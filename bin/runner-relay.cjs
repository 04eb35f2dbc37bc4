#!/usr/bin/env node
// The command of the package. In a form that every Node reads, because an old one would fail on the first import of the real entry with a
// stack trace that names neither the reason nor the remedy. In a clone (`npm link`) it runs the sources.
"use strict";

const needed = 24; // as `engines` in package.json says; a test compares them

if (process.platform === "win32") {
  refuse("runner-relay runs on Linux and macOS; on Windows, run it inside WSL");
} else if (Number(process.versions.node.split(".")[0]) < needed) {
  const found = process.execPath + " is " + process.version;
  refuse(
    "runner-relay needs Node " +
      needed +
      " or newer, and " +
      found +
      "; install Node " +
      needed +
      " (https://nodejs.org) and try again",
  );
} else {
  const source = require("node:path").join(__dirname, "..", "src", "cli", "main.ts");
  void import(require("node:fs").existsSync(source) ? source : "../dist/cli/main.js");
}

function refuse(text) {
  process.stderr.write(text + "\n");
  process.exitCode = 78; // EX_CONFIG, as for every start that fails in the same way again
}
