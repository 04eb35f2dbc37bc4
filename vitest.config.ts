import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

// Compiled code of the workers, and of the processes that they start, is kept from one process to the next.
process.env["NODE_COMPILE_CACHE"] ??= resolve(import.meta.dirname, "node_modules/.cache/compile");

const shared = {
  pool: "forks" as const,
  /** Node runs the sources as they are, as it does outside of the tests. */
  experimental: { viteModuleRunner: false, nodeLoader: false },
  setupFiles: ["test/support/leaks.ts"],
  // limits for what hangs; a loaded machine takes many times as long as an idle one
  testTimeout: 180_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: 60_000 } },
};

const parts = {
  ...shared,
  globalSetup: ["test/support/global-setup.ts"],
  /** Not all of these files are known to clean up yet: what is left behind is printed. */
  env: { TEST_LEAKS: "print" },
};

/** Folders of test/integration whose files were seen to pass in a process that ran others before. */
const SHARING = [
  "agents",
  "bad-days-coordinator",
  "cli",
  "client",
  "console",
  "credentials",
  "docs",
  "embedded",
  "executors",
  "gateway",
  "hooks",
  "kubernetes",
  "leaf",
  "mcp",
  "observability",
  "operate",
  "operator",
  "output",
  "permissions",
  "relay",
  "samples",
  "scripts",
  "service",
  "session-log",
  "sessions",
  "standin",
  "tokens",
  "trust",
  "tunnel",
  "worker",
];

export default defineConfig({
  test: {
    /** On two cores: tests of whole processes wait for more than half of their time. */
    maxWorkers: 5,
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          /** Nothing of `src` keeps a state between files, so that each module is read once per worker. */
          isolate: false,
        },
      },
      {
        test: {
          ...parts,
          /** Projects run in the order of their names, and this one has the longest file: at the end it would run alone. */
          name: "histories",
          include: ["test/simulation/**/*.test.ts"],
        },
      },
      {
        test: {
          ...parts,
          name: "shared parts",
          include: SHARING.map((folder) => `test/integration/${folder}/**/*.test.ts`),
          /** To start a worker and read its modules costs a second of processor time for each file. */
          isolate: false,
        },
      },
      {
        test: {
          ...parts,
          name: "parts",
          include: ["test/{integration,regressions,faults}/**/*.test.ts"],
          exclude: SHARING.map((folder) => `test/integration/${folder}/**`),
        },
      },
    ],
  },
});
