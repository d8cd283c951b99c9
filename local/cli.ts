import { spawn } from "node:child_process";
import fs from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { denoOptions, runTests, runTool, writeTypes } from "../tests/run.ts";
import { runJobNow } from "./extensions.ts";
import { askedToStop, end, endLeftovers, findRunning } from "./processes.ts";
import { loadSettings, type Settings, StartError, statusOf } from "./settings.ts";
import { startStack } from "./stack.ts";

// A connection that breaks where nobody waits for it is no reason to leave everything else standing
// about: what has to stop is stopped by those who started it.
process.on("unhandledRejection", (error) => console.error(error));
process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
  const isClear = error instanceof StartError || error.code?.startsWith("ERR_PARSE_ARGS");
  const diskIsFull = /No space left on device|ENOSPC/.test(error.message);
  if (diskIsFull) console.error(`The disk is full: make room for ${dataDir} and start again.`);
  else console.error(isClear ? error.message : error);
  process.exit(1);
});

const root = resolve(import.meta.dirname, "..");
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: process.env.PORT || "54321" },
    data: { type: "string", default: process.env.DATA || join(root, ".local") },
    output: { type: "string", short: "o", default: "env" },
    detach: { type: "boolean", default: false },
    minutes: { type: "string", default: "1" },
    check: { type: "boolean", default: false },
  },
});
const [command = "", ...names] = positionals;
const port = Number(options.port);
// npm runs scripts in the repository; a relative path is meant from where npm was called.
const dataDir = resolve(process.env.INIT_CWD ?? ".", options.data);

/** Each as `npm run <name>`. */
const commands: Record<string, () => unknown> = {
  ...{ start, stop, status, reset },
  cron: async () => console.log(await runJobNow(runningSettings(), names.join(" "))),
  types: writeTypes,
  seed: async () => (await import("../supabase/seed/generate.ts")).seed(options),
  mails: () =>
    runTool("deno", ["run", "-A", ...denoOptions, "tests/mails/preview.ts", String(port + 9)]),
  format: () => runTool("biome", ["check", "--write", "."]),
  test: () => runTests(names),
  soak: async () => (await import("../tests/soak/soak.ts")).runSoak(Number(options.minutes)),
  bench: async () =>
    (await import(`../bench/${names[0]}.ts`)).run(loadSettings({ port, dataDir }), names.slice(1)),
};

/** Runs until Ctrl-C, or with `--detach` until `npm stop`. */
async function start(): Promise<void> {
  if (options.detach) return await startDetached(options.port);
  const asked = askedToStop();
  const settings = loadSettings({ port, dataDir });
  const stack = await startStack(settings, console.log);
  console.log(`Ready after ${(performance.now() / 1000).toFixed(1)} s.

${list(settings)}

Accounts: admin@djanobnb.test, agent@djanobnb.test, host@djanobnb.test, guest@djanobnb.test
Password: djanobnb-demo

\`npm stop\` or Ctrl-C stops everything; the data stays.`);
  stack.ready();
  const reason = await Promise.race([stack.ended, asked]);
  console.log("Stopping");
  await stack.stop();
  if (reason) throw reason;
}

/** Starts in a process of its own, and passes on what it says until it is ready. */
async function startDetached(port: string): Promise<void> {
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const log = fs.openSync(join(dataDir, "stack.log"), "w");
  const said = fs.openSync(join(dataDir, "stack.log"), "r");
  const args = [import.meta.filename, "start", "--port", port, "--data", dataDir];
  const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", log, log] });
  child.once("exit", (code) => {
    process.exitCode = code ?? 1;
  });
  askedToStop().then(() => child.kill());
  for (let over: boolean | undefined; !over; await wait(50)) {
    const running = findRunning(dataDir);
    over = process.exitCode !== undefined || (running?.pid === child.pid && running?.ready);
    // Reads on from where it ended the last time.
    process.stdout.write(fs.readFileSync(said));
  }
}

/** Ends what runs in the background, and what a killed run left behind. */
async function stop(): Promise<void> {
  const running = findRunning(dataDir);
  if (running) await end(running.pid);
  await endLeftovers({ dataDir });
  console.log(running ? "Stopped." : `Nothing was running with the data in ${dataDir}.`);
}

/** The addresses and keys, on standard output alone. */
async function status(): Promise<void> {
  const settings = runningSettings();
  const json = JSON.stringify(statusOf(settings), null, 2);
  console.log(options.output === "json" ? json : list(settings));
}

/** Fresh data, under the same keys; runs again afterwards if it ran before. */
async function reset(): Promise<void> {
  const running = findRunning(dataDir);
  await stop();
  // Refuses a folder that is not one of ours: all in it goes.
  loadSettings({ port, dataDir });
  for (const name of fs.readdirSync(dataDir).filter((name) => name !== "keys.json")) {
    fs.rmSync(join(dataDir, name), { recursive: true });
  }
  if (running) await startDetached(String(running.port));
  else console.log("The data is gone: `npm start` makes it anew.");
}

function runningSettings(): Settings {
  const running = findRunning(dataDir);
  if (running?.ready) return loadSettings({ port: running.port, dataDir });
  throw new StartError(`Nothing runs with the data in ${dataDir}: \`npm start\` starts it.`);
}

function list(settings: Settings): string {
  const values = Object.entries(statusOf(settings));
  return values.map(([name, value]) => `${name}=${value}`).join("\n");
}

const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
if (!run) throw new StartError(`Commands: ${Object.keys(commands).join(", ")}.`);
process.exit((await run()) === false ? 1 : process.exitCode);
