import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { askedToStop } from "../local/processes.ts";
import { type Settings, StartError, statusOf } from "../local/settings.ts";
import { runCli } from "../local/supabase.ts";
import { type Counts, runDatabaseTests } from "./db.ts";
import { runMutations, sampleMutants } from "./mutations/run.ts";
import { runPgCronTests } from "./pgcron/run.ts";
import { logOf, withFreshStack } from "./stack.ts";

const root = resolve(import.meta.dirname, "..");
const functions = globSync("supabase/functions/*/index.ts", { cwd: root });
const migrations = globSync("supabase/migrations/*.sql", { cwd: root });
const typesFile = join(root, "types", "database.ts");

/** How Deno runs the project's code: with its settings, on the packages that are installed. */
export const denoOptions = [
  ...["--config", "supabase/functions/deno.json"],
  ...["--node-modules-dir=manual", "--no-remote"],
];

type Step = { name: string; run: (settings: Settings) => Promise<Counts> };

/** What needs no stack. */
const alone: Record<string, Step[]> = {
  static: [
    { name: "Format and lint", run: () => tool("biome", ["check", "."]) },
    { name: "Nothing is unused", run: () => tool("knip", []) },
    { name: "Migrations are linted", run: () => tool("squawk", migrations) },
    { name: "Types of Node's side", run: () => tool("tsc", ["--noEmit"]) },
    {
      name: "Types of the functions",
      run: () => tool("deno", ["check", ...denoOptions, ...functions]),
    },
    { name: "Documents hold what they promise", run: () => vitest("docs") },
    { name: "The seed is up to date", run: () => passes(checkSeed()) },
  ],
  pgcron: [{ name: "Under the real pg_cron", run: runPgCronTests }],
  mutations: [{ name: "Without each rule in turn", run: runMutations }],
};

/** What shares a stack of its own. */
const onStack: Record<string, Step[]> = {
  db: [
    { name: "pgTAP", run: runDatabaseTests },
    { name: "Without some rules in turn", run: sampleMutants },
    { name: "types/database.ts is up to date", run: (settings) => passes(checkTypes(settings)) },
    { name: "Advisors find no error", run: (settings) => passes(runCli(settings, advisors)) },
  ],
  functions: [{ name: "Functions alone", run: (settings) => vitest("functions", envOf(settings)) }],
  api: [{ name: "API", run: (settings) => vitest("api", envOf(settings)) }],
  fuzz: [{ name: "Hostile input", run: (settings) => vitest("fuzz", envOf(settings)) }],
  attacks: [{ name: "Attacks", run: (settings) => vitest("attacks", envOf(settings)) }],
};
const advisors = ["db", "advisors", "--level", "info", "--fail-on", "error"];

/** Runs the parts of those names, or else all but `pgcron` and `mutations`; true when nothing failed. */
export async function runTests(names: string[]): Promise<boolean> {
  const parts = { ...alone, ...onStack };
  const unknown = names.find((name) => !(name in parts));
  if (unknown) {
    throw new StartError(`No tests "${unknown}". There are: ${Object.keys(parts).join(", ")}.`);
  }
  const chosen = names.length ? names : ["static", ...Object.keys(onStack)];
  const stepsOf = (parts: Record<string, Step[]>) => chosen.flatMap((name) => parts[name] ?? []);
  const total = { passed: 0, failed: 0 };
  const runAll = async (steps: Step[], settings: Settings) => {
    for (const { name, run } of steps) {
      console.log(`\n── ${name}`);
      const counts = await run(settings);
      total.passed += counts.passed;
      total.failed += counts.failed;
    }
  };
  await runAll(stepsOf(alone), {} as Settings);
  const steps = stepsOf(onStack);
  if (steps.length) {
    console.log("\nStarting a stack of its own");
    await withFreshStack(async (settings) => {
      await runAll(steps, settings);
      if (total.failed) keepLog(settings);
    });
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0;
}

/** Saves what the stack said, to look up why something failed. */
function keepLog(settings: Settings): void {
  const kept = join(root, ".local", "test.log");
  mkdirSync(dirname(kept), { recursive: true });
  copyFileSync(logOf(settings), kept);
  console.log(`\nWhat the stack said meanwhile is in ${kept}.`);
}

/** Runs a tool of node_modules on the project's own Node; true when it ended well. */
export async function runTool(tool: string, args: string[], env = {}): Promise<boolean> {
  const bin = join(root, "node_modules", ".bin");
  const PATH = [dirname(process.execPath), bin, process.env.PATH].join(delimiter);
  const child = spawn(join(bin, tool), args, {
    cwd: root,
    env: { ...process.env, DO_NOT_TRACK: "1", PATH, ...env },
    stdio: "inherit",
  });
  askedToStop().then(() => child.kill());
  const [code] = await once(child, "exit");
  return code === 0;
}

/** Writes `types/database.ts` from the migrations as they are now. */
export async function writeTypes(): Promise<void> {
  await withFreshStack(async (settings) => writeFileSync(typesFile, await generateTypes(settings)));
  console.log(`Written: ${typesFile}`);
}

async function tool(name: string, args: string[]): Promise<Counts> {
  return outcome(await runTool(name, args));
}

/** The stack's addresses and keys, and the settings of its functions, for tests to find. */
function envOf(settings: Settings) {
  return { ...settings.functionEnv, ...statusOf(settings), STACK_LOG: logOf(settings) };
}

/** A project of `vitest.config.ts`. */
async function vitest(project: string, env = {}): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "djanobnb-vitest-"));
  const report = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const passed = await runTool("vitest", ["run", "--project", project, ...reporters], env);
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
    // A file that cannot be read fails the run without a failed test.
    return { passed: numPassedTests, failed: Math.max(numFailedTests, passed ? 0 : 1) };
  } catch {
    return outcome(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function checkSeed(): Promise<void> {
  await (await import("../supabase/seed/generate.ts")).seed({ check: true });
}

async function checkTypes(settings: Settings): Promise<void> {
  if (readFileSync(typesFile, "utf8") === (await generateTypes(settings))) return;
  throw new StartError("types/database.ts is not what the migrations say: run `npm run types`.");
}

/** The API's types as the CLI writes them; whatever else it has to say comes before them. */
async function generateTypes(settings: Settings): Promise<string> {
  const args = ["gen", "types", "--lang", "typescript", "--schema", "public"];
  const said = await runCli(settings, args);
  return said.slice(said.indexOf("export type Json"));
}

/** A check that throws what is wrong counts as a test. */
async function passes(check: Promise<unknown>): Promise<Counts> {
  return await check.then(
    () => outcome(true),
    (error: Error) => {
      console.log(error.message);
      return outcome(false);
    },
  );
}

function outcome(passed: boolean): Counts {
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1 };
}
