import { spawn } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { runJobNow } from "./extensions.ts";
import { askedToStop, end, endLeftovers, findRunning } from "./processes.ts";
import { loadSettings, type Settings, StartError, statusOf } from "./settings.ts";
import { startStack } from "./stack.ts";

type Place = { port: number; dataDir: string };

/** Runs until Ctrl-C, or detached until `npm stop`. */
export async function start(place: Place, detached: boolean): Promise<void> {
  if (detached) return await startDetached(place);
  const asked = askedToStop();
  const settings = loadSettings(place);
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
async function startDetached({ port, dataDir }: Place): Promise<void> {
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const log = fs.openSync(join(dataDir, "stack.log"), "w");
  const said = fs.openSync(join(dataDir, "stack.log"), "r");
  const args = [`${process.argv[1]}`, "start", `--port=${port}`, `--data=${dataDir}`];
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
export async function stop(dataDir: string): Promise<void> {
  const running = findRunning(dataDir);
  if (running) await end(running.pid);
  await endLeftovers({ dataDir });
  console.log(running ? "Stopped." : `Nothing was running with the data in ${dataDir}.`);
}

/** The addresses and keys, on standard output alone. */
export function status(dataDir: string, format: string): void {
  const settings = settingsOfRunning(dataDir);
  console.log(format === "json" ? JSON.stringify(statusOf(settings), null, 2) : list(settings));
}

/** Fresh data, under the same keys; runs again afterwards if it ran before. */
export async function reset(dataDir: string): Promise<void> {
  const running = findRunning(dataDir);
  await stop(dataDir);
  for (const name of ["postgres", "storage", "mails", "stripe.json", "applied.json"]) {
    fs.rmSync(join(dataDir, name), { recursive: true, force: true });
  }
  if (running) await startDetached({ ...running, dataDir });
  else console.log("The data is gone: `npm start` makes it anew.");
}

/** Runs a scheduled job once, now. */
export async function cron(dataDir: string, name: string): Promise<void> {
  console.log(await runJobNow(settingsOfRunning(dataDir), name));
}

function settingsOfRunning(dataDir: string): Settings {
  const running = findRunning(dataDir);
  if (running?.ready) return loadSettings({ port: running.port, dataDir });
  throw new StartError(`Nothing runs with the data in ${dataDir}: \`npm start\` starts it.`);
}

function list(settings: Settings): string {
  const values = Object.entries(statusOf(settings));
  return values.map(([name, value]) => `${name}=${value}`).join("\n");
}
