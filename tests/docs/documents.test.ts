import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
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
    // A family of commands is named as `bench:…`.
    const isKnown = (name: string) =>
      known.some((one) => (name.endsWith(":") ? one.startsWith(name) : one === name));
    expect(commands.filter((name) => !isKnown(name))).toEqual([]);
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

test("the README and docs/operations.md deploy alike", () => {
  const listOf = (file: string) => /```sh\n(npx supabase login\n.*?)```/s.exec(read(file))?.[1];
  expect(listOf("README.md")).toBeTruthy();
  expect(listOf("docs/operations.md")).toBe(listOf("README.md"));
});

test("the README's example stands as the formatter writes it, and is left alone by git", () => {
  const [example] = matches(readme, /```js\n(.*?)```/gs);
  const args = ["format", "--stdin-file-path=example.mjs"];
  const biome = join(root, "node_modules", ".bin", "biome");
  expect(execFileSync(biome, args, { cwd: root, input: example!, encoding: "utf8" })).toBe(example);
  expect(read(".gitignore").split("\n")).toContain("/booking.mjs");
});

test("a row of docs/scale.md that names its bench has its figures from there", () => {
  const figures = (text: string) =>
    matches(text.replaceAll(/(?<=\d),(?=\d{3})/g, ""), /(\d+(?:\.\d+)?)/g);
  const rows = read("docs/scale.md").matchAll(
    /^\|(.*)\| \[[\w ]+\]\(\.\.\/(bench\/\w+\.md)\) \|$/gm,
  );
  const strange = Array.from(rows, ([, cells, bench]) => {
    // What begins with ~ is extrapolated.
    const said = figures(cells!.replaceAll(/~\S+/g, ""));
    const there = figures(read(bench!));
    expect(said, cells).not.toEqual([]);
    return said.filter((figure) => !there.includes(figure)).map((figure) => `${figure}:${cells}`);
  });
  expect(strange.length).toBeGreaterThan(10);
  expect(strange.flat()).toEqual([]);
});

test("each picture in docs/images is shown on some page", () => {
  const shown = pages.flatMap((file) =>
    matches(read(file), /!\[[^\]]*\]\([\w./]*images\/([\w.-]+)\)/g),
  );
  const there = globSync("docs/images/*", { cwd: root }).map((path) => basename(path));
  expect([...new Set(shown)].sort()).toEqual(there.sort());
});

test("each of Stripe's events and each alert that there is stands in docs/operations.md", () => {
  const operations = read("docs/operations.md");
  const said = (names: string[]) => names.filter((name) => !operations.includes(`\`${name}\``));
  const [types] = matches(
    sources.map(read).join("\n"),
    /('checkout\.session\.completed',[^)]*)\)/g,
  );
  const events = matches(types!, /'([\w.]+)'/g);
  expect(events).toContain("refund.failed");
  expect(said(events)).toEqual([]);
  const template = read("supabase/functions/_shared/mail/templates/admin_alert.tsx");
  const alerts = matches(template, /^ {2}(\w+): ".*",$/gm).filter((name) => name !== "reason");
  expect(alerts).toContain("dead_letter");
  expect(said(alerts)).toEqual([]);
});

test("the official CLI understands each of its commands", { timeout: 60_000 }, async () => {
  const text = pages.map(read).join("\n").replaceAll("\\\n", " ");
  const typed = matches(text, /npx supabase ([^`\n#]+)/g).map((command) =>
    command
      .replaceAll(/<[^>]*>|…/g, (place) => ({ "<ref>": "a".repeat(20), "…": "" })[place] ?? "1")
      .trim()
      .replaceAll(/\s+/g, " "),
  );
  const folder = mkdtempSync(join(tmpdir(), "djanobnb-cli-"));
  mkdirSync(join(folder, ".local", "deploy", "supabase"), { recursive: true });
  writeFileSync(join(folder, ".local", "deploy", "supabase", "config.toml"), 'project_id = "a"');
  writeFileSync(join(folder, ".env"), "NAME=value");
  // Nobody has signed in, and neither the network nor Docker is there: it gets as far as that.
  const nowhere = "127.0.0.1:9";
  const env = {
    ...{
      PATH: process.env.PATH,
      HOME: folder,
      DO_NOT_TRACK: "1",
      SUPABASE_TELEMETRY_DISABLED: "1",
    },
    ...{ HTTP_PROXY: `http://${nowhere}`, HTTPS_PROXY: `http://${nowhere}` },
    DOCKER_HOST: `tcp://${nowhere}`,
  };
  const lacks =
    /Access token not provided|Cannot find project ref|Cannot connect to the Docker|non-TTY|version not found/;
  const ask = (command: string) =>
    new Promise<string>((done) => {
      const cli = join(root, "node_modules", "supabase", "dist", "supabase.js");
      const args = [cli, ...command.split(" ")];
      const child = execFile(process.execPath, args, { cwd: folder, env }, (_, stdout, stderr) => {
        done(lacks.test(stdout + stderr) ? "" : `${command}: ${stdout}${stderr}`);
      });
      child.stdin!.end();
    });
  // Of those that differ in their values alone, one.
  const kinds = new Map(typed.map((command) => [command.replaceAll(/ \S*[/=]\S*/g, ""), command]));
  const waiting = [...kinds.values()];
  const odd: string[] = [];
  const askAll = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) odd.push(await ask(next));
  };
  await Promise.all([askAll(), askAll(), askAll()]);
  rmSync(folder, { recursive: true });
  expect(typed.length).toBeGreaterThan(15);
  expect(odd.filter(Boolean)).toEqual([]);
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
