import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { type Settings, StartError, statusOf } from "../local/settings.ts";
import { withFreshStack } from "../local/stack.ts";
import { generateTypes, runAdvisors } from "../local/supabase.ts";
import { type Counts, runDatabaseTests } from "./db.ts";

const root = resolve(import.meta.dirname, "..");
const functions = globSync("supabase/functions/*/index.ts", { cwd: root });
const denoOptions = [
  ...["--config", "supabase/functions/deno.json"],
  ...["--node-modules-dir=manual", "--no-remote"],
];

/** What `npm test` does, in its order. All but the first part get a stack of their own. */
const parts: Record<string, { name: string; run: (settings: Settings) => Promise<Counts> }[]> = {
  static: [
    { name: "Format and lint", run: () => command("biome", ["check", "."]) },
    { name: "Types of Node's side", run: () => command("tsc", ["--noEmit"]) },
    {
      name: "Types of the functions",
      run: () => command("deno", ["check", ...denoOptions, ...functions]),
    },
  ],
  db: [
    { name: "pgTAP", run: runDatabaseTests },
    { name: "types/database.ts is up to date", run: checkTypes },
    { name: "Advisors find no error", run: checkAdvisors },
  ],
  functions: [{ name: "Functions alone", run: (settings) => vitest("functions", settings) }],
  api: [{ name: "API", run: (settings) => vitest("api", settings) }],
};

/** Runs the parts of those names, or all; true when nothing failed. */
export async function runTests(names: string[]): Promise<boolean> {
  const unknown = names.find((name) => !(name in parts));
  if (unknown) {
    throw new StartError(`No tests "${unknown}". There are: ${Object.keys(parts).join(", ")}.`);
  }
  const chosen = names.length ? names : Object.keys(parts);
  const total = { passed: 0, failed: 0 };
  const runPart = async (part: string, settings: Settings) => {
    for (const step of parts[part] ?? []) {
      console.log(`\n── ${step.name}`);
      const counts = await step.run(settings);
      total.passed += counts.passed;
      total.failed += counts.failed;
    }
  };
  if (chosen.includes("static")) await runPart("static", {} as Settings);
  const others = chosen.filter((part) => part !== "static");
  if (others.length) {
    await withFreshStack(console.log, async (settings) => {
      for (const part of others) await runPart(part, settings);
    });
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0;
}

/** A tool of node_modules, on the project's own Node: one test, which it passes or fails. */
async function command(tool: string, args: string[], env: Record<string, string> = {}) {
  const bin = join(root, "node_modules", ".bin");
  const PATH = [dirname(process.execPath), bin, process.env.PATH].join(delimiter);
  const child = spawn(join(bin, tool), args, {
    cwd: root,
    env: { ...process.env, DO_NOT_TRACK: "1", PATH, ...env },
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  return outcome(code === 0);
}

/** A project of `vitest.config.ts`, which finds the stack's addresses and keys in its environment. */
async function vitest(project: string, settings: Settings): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "djanobnb-vitest-"));
  const report = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const ran = await command("vitest", ["run", "--project", project, ...reporters], {
    ...settings.functionEnv,
    ...statusOf(settings),
  });
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
    // A file that cannot be read fails the run without a failed test.
    return { passed: numPassedTests, failed: Math.max(numFailedTests, ran.failed) };
  } catch {
    return outcome(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function checkTypes(settings: Settings): Promise<Counts> {
  const written = readFileSync(join(root, "types", "database.ts"), "utf8");
  const same = written === (await generateTypes(settings));
  if (!same) console.log("types/database.ts is not what the migrations say: run `npm run types`.");
  return outcome(same);
}

async function checkAdvisors(settings: Settings): Promise<Counts> {
  return await runAdvisors(settings).then(
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
