import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runTests } from "../tests/run.ts";
import { askedToStop, end, endLeftovers, findRunning } from "./processes.ts";
import { runJobNow } from "./scheduler.ts";
import { loadSettings, type Settings, StartError, statusOf } from "./settings.ts";
import { startStack, withFreshStack } from "./stack.ts";
import { generateTypes } from "./supabase.ts";

const root = resolve(import.meta.dirname, "..");
const { values: options, positionals } = commandLine();
const [command = "", ...names] = positionals;
// npm runs scripts in the repository; a relative path is meant from where npm was called.
const dataDir = resolve(process.env.INIT_CWD ?? ".", options.data);
const commands = { start, stop, status, reset, cron, types, format, test };

function commandLine() {
  const port = { type: "string", default: process.env.PORT || "54321" } as const;
  const data = { type: "string", default: process.env.DATA || join(root, ".local") } as const;
  const detach = { type: "boolean", default: false } as const;
  const output = { type: "string", short: "o", default: "text" } as const;
  try {
    return parseArgs({ allowPositionals: true, options: { port, data, detach, output } });
  } catch (error) {
    console.error((error as Error).message);
    return process.exit(1);
  }
}

/** `npm start`: until Ctrl-C, or with `--detach` until `npm stop`. */
async function start(): Promise<void> {
  if (options.detach) return await startDetached(options.port);
  const asked = askedToStop();
  const settings = loadSettings({ port: Number(options.port), dataDir });
  const stack = await startStack(settings, say);
  say(`Ready after ${(performance.now() / 1000).toFixed(1)} s.\n${summary(settings)}`);
  if (process.connected) process.send?.(ready, () => process.disconnect());
  else say("\nCtrl-C stops everything; the data stays.");
  const reason = await Promise.race([stack.ended, asked]);
  say("Stopping");
  await stack.stop();
  if (reason) throw reason;
}

/** What the process in the background says last. */
const ready = "ready";

/** Starts in a process of its own, and passes on what it says until it is ready. */
async function startDetached(port: string): Promise<void> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const log = openSync(join(dataDir, "stack.log"), "w");
  const args = [import.meta.filename, "start", "--port", port, "--data", dataDir];
  const stdio = ["ignore", log, log, "ipc"] as const;
  const child = spawn(process.execPath, args, { detached: true, stdio: [...stdio] });
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => child.kill());
  const started = await new Promise<boolean>((resolve) => {
    child.on("message", (line) => (line === ready ? resolve(true) : console.log(line)));
    child.once("exit", () => resolve(false));
  });
  if (!started) process.exitCode = 1;
  child.unref();
}

/** `npm stop`: ends what runs in the background, and what a killed run left behind. */
async function stop(): Promise<void> {
  const running = findRunning(dataDir);
  if (running) await end(running.pid);
  await endLeftovers({ dataDir });
  console.log(running ? "Stopped." : `Nothing was running with the data in ${dataDir}.`);
}

/** `npm run status`: the addresses and keys, on standard output alone. */
async function status(): Promise<void> {
  const settings = runningSettings();
  const values = statusOf(settings);
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  if (options.output === "json") console.log(JSON.stringify(values, null, 2));
  else console.log(options.output === "env" ? lines.join("\n") : summary(settings));
}

/** `npm run reset`: fresh data, under the same keys; runs again afterwards if it ran before. */
async function reset(): Promise<void> {
  const running = findRunning(dataDir);
  await stop();
  // Only a folder with keys is one of ours, and then all in it is.
  const contents = existsSync(join(dataDir, "keys.json")) ? readdirSync(dataDir) : [];
  for (const name of contents) {
    if (name !== "keys.json") rmSync(join(dataDir, name), { recursive: true });
  }
  if (running) await startDetached(String(running.port));
  else console.log("The data is gone: `npm start` makes it anew.");
}

/** `npm run cron -- <name>`: runs a scheduled job now. */
async function cron(): Promise<void> {
  const run = await runJobNow(runningSettings(), names.join(" "));
  if (run.status === "failed") throw new StartError(run.return_message);
  console.log(`${run.status}: ${run.return_message}`);
}

/** `npm run types`: `types/database.ts` from the migrations as they are now. */
async function types(): Promise<void> {
  const file = join(root, "types", "database.ts");
  await withFreshStack(say, async (settings) => writeFileSync(file, await generateTypes(settings)));
  console.log(`Written: ${file}`);
}

/** `npm run format`: mends what the formatter and linter can mend by themselves. */
async function format(): Promise<void> {
  const biome = join(root, "node_modules", ".bin", "biome");
  process.exitCode = spawnSync(biome, ["check", "--write", root], { stdio: "inherit" }).status ?? 1;
}

/** `npm test`, or only some of its parts. */
async function test(): Promise<void> {
  if (!(await runTests(names))) process.exitCode = 1;
}

function runningSettings(): Settings {
  const running = findRunning(dataDir);
  if (running?.ready) return loadSettings({ port: running.port, dataDir });
  throw new StartError(`Nothing runs with the data in ${dataDir}: \`npm start\` starts it.`);
}

function summary(settings: Settings): string {
  const rows = Object.entries(statusOf(settings)).map(([name, value]) => [name.padEnd(22), value]);
  return `
  ${rows.map((row) => row.join("")).join("\n  ")}

  Accounts   admin@djanobnb.test, agent@djanobnb.test, host@djanobnb.test, guest@djanobnb.test
  Password   djanobnb-demo`;
}

/** Tells what is done, to the one who started it in the background too. */
function say(line: string): void {
  console.log(line);
  if (process.connected) process.send?.(line);
}

/** An error in words for the one who typed the command. */
function sentence(error: Error): string {
  if (/No space left on device|ENOSPC/.test(`${error.message}`)) {
    return `The disk is full: make room for ${dataDir} and start again. What was there is kept.`;
  }
  return error instanceof StartError ? error.message : `${error.stack}`;
}

// A connection that breaks where nobody waits for it is no reason to leave everything else standing
// about: what has to stop is stopped by those who started it.
process.on("unhandledRejection", (error) => console.error(error));

try {
  if (!(command in commands)) {
    throw new StartError(`Commands: ${Object.keys(commands).join(", ")}.`);
  }
  await commands[command as keyof typeof commands]();
} catch (error) {
  process.exitCode = 1;
  console.error(sentence(error as Error));
  if (process.connected) process.send?.(sentence(error as Error));
}
process.exit();
