import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** The list of threats in `docs/security.md` and the tests here say the same. */

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const listed = [...read("docs/security.md").matchAll(/^\| (T\d\d) \|.*\| `([\w-]+)` \|$/gm)].map(
  ([, id, file]) => `${id} ${file}`,
);
const borne = globSync("*.test.ts", { cwd: import.meta.dirname }).flatMap((file) =>
  [...read(`tests/attacks/${file}`).matchAll(/\b(?:test|describe)\b[^"`]*["`](T\d\d)\b/g)].map(
    ([, id]) => `${id} ${file.replace(".test.ts", "")}`,
  ),
);

test("every threat has a test that bears its id, and every test its threat", () => {
  expect(listed.length).toBeGreaterThan(30);
  expect([...new Set(borne)].sort()).toEqual([...listed].sort());
});

test("no id stands for two threats", () => {
  const ids = listed.map((threat) => threat.slice(0, 3));
  expect(ids).toEqual([...new Set(ids)]);
  expect(ids).not.toContain("T34");
  // In each part in their order.
  for (const part of read("docs/security.md").split("\n### ")) {
    const listed = Array.from(part.matchAll(/^\| (T\d\d) \|/gm), ([, id]) => id);
    expect(listed).toEqual(listed.toSorted());
  }
});
