import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** `npm run test:agents`: the real programs of others, one after the other, since each takes up to 300 MB. */
export default defineConfig({
  root: join(import.meta.dirname, "../.."),
  test: {
    include: ["test/agents/*.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    /** Node runs the sources as they are, as it does outside of the tests. */
    experimental: { viteModuleRunner: false, nodeLoader: false },
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
