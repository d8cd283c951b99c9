import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Settings, StartError, writeWhole } from "./settings.ts";

/** What a running stack says of itself in its data folder. */
export type Running = { pid: number; command: string; port: number; ready: boolean };

/** The stack that runs in this data folder. What a killed one left behind does not count. */
export function findRunning(dataDir: string): Running | undefined {
  try {
    const running: Running = JSON.parse(fs.readFileSync(join(dataDir, "stack.json"), "utf8"));
    return commandOf(running.pid) === running.command ? running : undefined;
  } catch {
    return undefined;
  }
}

/** Takes the data folder for this process: of two that start at once, one is refused. */
export function claimFolder({ dataDir, ports }: Settings): { ready(): void; release(): void } {
  const note = join(dataDir, "stack.json");
  const { pid } = process;
  const running: Running = { pid, command: commandOf(pid) ?? "", port: ports.api, ready: false };
  if (!findRunning(dataDir)) fs.rmSync(note, { force: true });
  try {
    fs.writeFileSync(note, JSON.stringify(running), { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new StartError(
      `Djanobnb runs already with the data in ${dataDir}: \`npm stop\` ends it, and with --data ` +
        "and --port another one runs beside it.",
    );
  }
  return {
    ready: () => writeWhole(note, JSON.stringify({ ...running, ready: true })),
    release: () => fs.rmSync(note, { force: true }),
  };
}

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
  fs.mkdirSync(join(dataDir, "processes"), { recursive: true });
  fs.writeFileSync(note, [command, ...args].join(" "));
  child.once("exit", () => fs.rmSync(note, { force: true }));
  return child;
}

/** Ends the processes that a killed run left behind, and waits until they are gone. */
export async function endLeftovers({ dataDir }: Pick<Settings, "dataDir">): Promise<void> {
  const folder = join(dataDir, "processes");
  for (const pid of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    const command = commandOf(Number(pid));
    // Another command: the number is somebody else's by now. Its end: what `setpriv` started.
    if (command && fs.readFileSync(join(folder, pid), "utf8").endsWith(command))
      await end(Number(pid));
    fs.rmSync(join(folder, pid));
  }
}

/** Comes true when somebody wants this process to stop; from here on that does not just kill it. */
export function askedToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => resolve());
  });
}

/** Asks a process to stop, and makes it stop when it has not after twenty seconds. */
export async function end(pid: number): Promise<void> {
  for (let tenth = 0; commandOf(pid) !== undefined; tenth += 1) {
    if (tenth === 0) process.kill(pid, "SIGINT");
    if (tenth === 200) process.kill(pid, "SIGKILL");
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
