import { globSync, readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { topics } from "../../supabase/functions/_shared/mail/topics.ts";
import { kinds } from "../../supabase/functions/jobs/kinds.ts";

/** What is said in two places says the same in both. */

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const root = new URL("../../", import.meta.url).pathname;
const functions = globSync("supabase/functions/*/index.ts", { cwd: root }).map((path) => {
  const name = path.split("/").at(-2)!;
  const [, served, auth] = /serve\(\s*"([\w-]+)",\s*"(\w+)"/.exec(read(path)) ?? [];
  return { name, served, auth };
});
const config = parse(read("supabase/config.toml")) as {
  functions: Record<string, { verify_jwt: boolean }>;
};

test.each(functions)(
  "$name is served under its name, says who may call it, and the gateway leaves that to it",
  ({ name, served, auth }) => {
    expect(served).toBe(name);
    expect(["user", "secret", "none"]).toContain(auth);
    expect(config.functions[name]?.verify_jwt).toBe(false);
  },
);

test("config.toml names no function that is not there", () => {
  expect(Object.keys(config.functions).sort()).toEqual(functions.map(({ name }) => name).sort());
});

test("functions get the packages that package.json pins", () => {
  const { imports } = JSON.parse(read("supabase/functions/deno.json"));
  const { dependencies, devDependencies } = JSON.parse(read("package.json"));
  for (const specifier of Object.values<string>(imports)) {
    const [, name, version] = /^npm:((?:@[^/]+\/)?[^@/]+)@([^/]+)/.exec(specifier) ?? [];
    expect(`${name}@${{ ...devDependencies, ...dependencies }[name!]}`).toBe(`${name}@${version}`);
  }
});

test("every package is pinned to one version", () => {
  const { dependencies, devDependencies } = JSON.parse(read("package.json"));
  for (const version of Object.values<string>({ ...dependencies, ...devDependencies })) {
    expect(version).toMatch(/^\d+\.\d+\.\d+[\w.-]*$/);
  }
});

test("there is a handler for each kind of job, and a kind for each handler", () => {
  const migrations = globSync("supabase/migrations/*.sql", { cwd: root }).map(read).join("\n");
  const inserts = migrations.matchAll(/insert into private\.job_kinds[^;]*;/g);
  const names = [...inserts].flatMap(([insert]) =>
    [...insert.matchAll(/\(\s*'(\w+)',/g)].map(([, name]) => name),
  );
  expect(Object.keys(kinds).sort()).toEqual(names.sort());
});

test("one can unsubscribe from the same topics everywhere", () => {
  const migrations = globSync("supabase/migrations/*.sql", { cwd: root }).map(read).join("\n");
  const [, names = ""] = /create type private\.mail_topic as enum \(([^)]*)\)/.exec(migrations)!;
  expect(names.split(", ").sort()).toEqual(
    Object.keys(topics)
      .map((name) => `'${name}'`)
      .sort(),
  );
});

test("no file names a host of a package registry", () => {
  for (const path of [
    "package-lock.json",
    "package.json",
    ".npmrc",
    "supabase/functions/deno.json",
  ]) {
    expect(read(path)).not.toMatch(/registry\.npmjs|"resolved": "http/);
  }
});
