import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

/** What the documents promise is there: files, headings, commands, packages and codes. */

const root = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const pages = globSync(["*.md", "docs/*.md"], { cwd: root });
const readme = read("README.md");
const manifest = JSON.parse(read("package.json"));
const scripts = Object.keys(manifest.scripts);

const isMissing = (path: string) => !existsSync(join(root, path));

/** What stands in the code of a page: what can be typed, and names of things. */
const code = /^```.*?^```$|`[^`\n]+`/gms;
const matches = (text: string, pattern: RegExp) =>
  Array.from(text.matchAll(pattern), ([, found]) => found!);
const sources = globSync(["supabase/migrations/*.sql", "supabase/functions/**/*.ts"], {
  cwd: root,
});
const schedules = matches(sources.map(read).join("\n"), /cron\.schedule\('([\w-]+)'/g);

/** The part of a page below a heading. */
function section(page: string, heading: string): string {
  return page.split(/^(?=## )/m).find((part) => part.startsWith(`## ${heading}\n`))!;
}

/** What a heading is called in an address, as GitHub does it. */
function anchorsOf(page: string): string[] {
  const headings = matches(page.replaceAll(/^```.*?^```$/gms, ""), /^#+ (.+)$/gm);
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
  return headings.map(slug);
}

describe.each(pages)("%s", (file) => {
  const page = read(file);

  test("leads to files and headings that are there", () => {
    const links = matches(page.replaceAll(code, ""), /\]\(([^)\s]+)\)/g);
    const dead = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [path, anchor] = link.split("#");
      const target = path ? join(dirname(file), path) : file;
      if (isMissing(target)) return true;
      return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
    });
    expect(dead).toEqual([]);
  });

  const said = (page.match(code) ?? []).join("\n");

  test("names commands that are there", () => {
    const commands = matches(said, /\bnpm (?:run )?([\w:-]+)/g);
    const known = [...scripts, "run", "install", "login"];
    expect(commands.filter((name) => !known.includes(name))).toEqual([]);
    const asked = matches(said, /npm run cron -- ([\w-]+)/g);
    expect(asked.filter((name) => !schedules.includes(name))).toEqual([]);
  });

  test("names files that are there", () => {
    const files = /(?<![\w@./-])((?:bench|docs|local|supabase|tests|types)\/[\w./-]*\w)/g;
    expect(matches(said, files).filter(isMissing)).toEqual([]);
  });
});

describe("the README", () => {
  const cells = (table: string) =>
    matches(table, /^\| (.*?) \|/gm).flatMap((cell) => matches(cell, /`([^`]+)`/g));

  test("has each command in its table", () => {
    // A cell names scripts of one family in short: `npm run test:db` (`:static`), `bench:jobs`.
    let family = "";
    const named = cells(section(readme, "Two commands")).map((said) => {
      const name = said.replace(/^(\w+=\S+ )*(npm (run )?)?/, "").split(" ")[0]!;
      if (name.startsWith(":")) return family + name;
      family = name.split(":")[0]!;
      return name;
    });
    const elsewhere = pages.flatMap((file) => matches(read(file), /`npm run ([\w:]+)/g));
    expect(scripts.filter((name) => ![...named, ...elsewhere, "test"].includes(name))).toEqual([]);
    expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
  });

  test("says of each package why it is there", () => {
    const named = cells(section(readme, "What it is made of, and why"));
    const packages = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    const own = packages.filter((name) => !name.startsWith("@types/"));
    expect(named.sort()).toEqual(own.sort());
  });

  test("shows the house as it is", () => {
    const [tree] = matches(section(readme, "The house"), /^```\n(.*?)^```$/gms);
    let folder = "";
    const paths = tree!
      .split("\n")
      .filter(Boolean)
      .flatMap((line) => {
        const [, indent, names] = /^( *)((?:\S+ )*?\S+)(?: {2,}.*)?$/.exec(line)!;
        if (!indent) folder = names!;
        return names!.split(" ").map((name) => (indent ? folder + name : name));
      });
    expect(paths.filter(isMissing)).toEqual([]);
  });
});

test("each refusal that a caller may meet is in docs/frontend.md with its status", () => {
  // What Stripe or an operator meets is none of a frontend's business.
  const apart = /functions\/(stripe-webhook|daily-report|jobs|health)\/|_reports\.sql$/;
  const met = sources.filter((file) => !apart.test(file)).map(read);
  const refusals = /(?:refuse|new ApiError|super)\(\s*(\d{3}),\s*['"](\w+)['"]/g;
  const raised = Array.from(
    met.join("\n").matchAll(refusals),
    ([, status, hint]) => `${status} ${hint}`,
  );
  const rows = section(read("docs/frontend.md"), "Refusals").matchAll(
    /^\| (\d{3}) \|.*\|(.*)\|$/gm,
  );
  const told = Array.from(rows, ([, status, hints]) =>
    matches(hints!, /`([a-z_]+)`/g)
      .filter((hint) => hint !== "code")
      .map((hint) => `${status} ${hint}`),
  ).flat();
  expect(told.sort()).toEqual([...new Set([...raised, "403 forbidden"])].sort());
});

test("each setting that somebody may choose is in .env.example", () => {
  const settings = matches(read("supabase/functions/_shared/settings.ts"), /^ {2}([A-Z_]+): z/gm);
  // What the platform sets by itself, and what is the local platform's alone.
  const chosen = settings.filter((name) => !["SUPABASE_DB_URL", "STRIPE_API_URL"].includes(name));
  const named = matches(read(".env.example"), /^([A-Z_]+)=/gm);
  expect(named.toSorted()).toEqual([...chosen, "AUTH_CONFIRM_EMAIL"].sort());
});
