import { spawn } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { askedToStop, end, endLeftovers, findRunning, refuseSecond } from "./processes.ts";
import { loadSettings, makeFolder, type Place, type Settings } from "./settings.ts";
import { startStack } from "./stack.ts";

/** Runs until Ctrl-C or `npm stop`, also in the midst of starting. */
export async function start(place: Place, welcome: (settings: Settings) => string): Promise<void> {
  const stopping = new AbortController();
  const asked = askedToStop().then(() => {
    console.log("Stopping");
    stopping.abort();
  });
  const settings = loadSettings(place);
  const stack = await startStack(settings, console.log, stopping.signal).catch((error) => {
    // Ctrl-C ends the tools of a start as well: that they failed is no news.
    if (!stopping.signal.aborted) throw error;
  });
  if (!stack) return;
  console.log(welcome(settings));
  stack.ready();
  const reason = await Promise.race([stack.ended, asked]);
  await stack.stop();
  if (reason) throw reason;
}

/** Starts in a process of its own, and passes on what it says until it is ready. */
export async function startDetached({ port, dataDir }: Place): Promise<void> {
  makeFolder(dataDir);
  refuseSecond(dataDir);
  const log = fs.openSync(join(dataDir, "stack.log"), "w");
  const said = fs.openSync(join(dataDir, "stack.log"), "r");
  const args = [`${process.argv[1]}`, "start", `--port=${port}`, `--data=${dataDir}`];
  process.env.DETACHED = "yes";
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
