import { expect, test, vi } from "vitest";
import { describe, soak } from "./soak.ts";

// The short form of `npm run soak`. Without /proc nobody knows which process to kill.
test.skipIf(process.platform !== "linux")(
  "fifty users at once, a restart and a killed worker: every answer is explained, the books are right",
  { timeout: 300_000 },
  async () => {
    const report = await soak(8, 50, vi.fn());
    expect(report.faults, describe(report)).toEqual([]);
  },
);
