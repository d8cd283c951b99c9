import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Settings } from "./settings.ts";

/**
 * Starts a process of the platform and notes it down in the data folder, so that the next start
 * finds it should this one be killed before it can stop its children.
 */
export function startProcess(
  { dataDir }: Settings,
  command: string,
  args: string[],
  options: SpawnOptions = {},
): ChildProcess {
  const child = spawn(command, args, options);
  if (child.pid === undefined) return child;
  const note = join(dataDir, "processes", String(child.pid));
  mkdirSync(join(dataDir, "processes"), { recursive: true });
  writeFileSync(note, commandOf(child.pid) ?? "");
  child.once("exit", () => rmSync(note, { force: true }));
  return child;
}

/** Ends the processes that a killed run left behind, and waits until they are gone. */
export async function endLeftovers({ dataDir }: Settings): Promise<void> {
  const folder = join(dataDir, "processes");
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    const pid = Number(name);
    // A process with that number but another command is somebody else's.
    if (commandOf(pid) === readFileSync(join(folder, name), "utf8")) await end(pid);
    rmSync(join(folder, name));
  }
}

/** Asks a process to stop, and makes it stop when it has not after ten seconds. */
export async function end(pid: number): Promise<void> {
  for (let tenth = 0; commandOf(pid) !== undefined; tenth += 1) {
    if (tenth === 0) process.kill(pid, "SIGINT");
    if (tenth === 100) process.kill(pid, "SIGKILL");
    await wait(100);
  }
}

/** The command line of a running process, or nothing when there is no such process. */
export function commandOf(pid: number): string | undefined {
  try {
    const line = execFileSync("ps", ["-o", "stat=,args=", "-p", String(pid)], { encoding: "utf8" });
    return line.startsWith("Z") ? undefined : line.replace(/^\S+\s+/, "").trim();
  } catch {
    return undefined;
  }
}
