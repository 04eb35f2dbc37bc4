#!/usr/bin/env node
// The command of the package. In a form that every Node reads, because an old one would fail on the first import of the real entry with a
// stack trace that names neither the reason nor the remedy.
"use strict";

const needed = 24; // as `engines` in package.json says; a test compares them

if (Number(process.versions.node.split(".")[0]) < needed) {
  process.stderr.write(
    "runner-relay needs Node " +
      needed +
      " or newer, and " +
      process.execPath +
      " is " +
      process.version +
      "\n",
  );
  process.exitCode = 78; // EX_CONFIG, as for every start that fails in the same way again
} else {
  void import("../dist/cli/main.js");
}
