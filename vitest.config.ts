import { defineConfig } from "vitest/config";

/** Sets of tests; `npm test` starts the stack that all but the first ask. */
export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: { name: "docs", include: ["tests/docs/documents.test.ts"] },
      },
      {
        extends: true,
        test: { name: "functions", include: ["tests/functions/**/*.test.{ts,tsx}"] },
      },
      {
        extends: true,
        // One stack for all of them: files one after another, so that a fault of one disturbs no other.
        test: {
          name: "api",
          include: ["tests/{api,browser,docs,faults,platform,soak,stripe-double}/**/*.test.ts"],
          exclude: ["tests/docs/documents.test.ts"],
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: { name: "fuzz", include: ["tests/fuzz/*.test.ts"] },
      },
      {
        extends: true,
        // After all others: what they left in logs and mails is looked through as well.
        test: {
          name: "attacks",
          include: ["tests/attacks/*.test.ts"],
          fileParallelism: false,
          // One world for all of them.
          isolate: false,
        },
      },
    ],
  },
});
