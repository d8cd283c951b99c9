import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Settings, StartError, writeWhole } from "./settings.ts";

/** What a running stack says of itself in its data folder. */
export type Running = { pid: number; command: string; port: number; ready: boolean };

/** The stack that runs in this data folder. What a killed one left behind does not count. */
export function findRunning(dataDir: string): Running | undefined {
  const note = join(dataDir, "stack.json");
  if (!existsSync(note)) return undefined;
  const running = JSON.parse(readFileSync(note, "utf8")) as Running;
  return commandOf(running.pid) === running.command ? running : undefined;
}

/** Takes the data folder for this process: of two that start at once, one is refused. */
export function claimFolder({ dataDir, ports }: Settings): { ready(): void; release(): void } {
  const note = join(dataDir, "stack.json");
  const { pid } = process;
  const running: Running = { pid, command: commandOf(pid) ?? "", port: ports.api, ready: false };
  const draft = `${note}.${pid}`;
  const other = findRunning(dataDir);
  try {
    if (!other) rmSync(note, { force: true });
    writeFileSync(draft, JSON.stringify(running));
    linkSync(draft, note);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const from = `from port ${other?.port} on, as process ${other?.pid}`;
    throw new StartError(
      `Djanobnb runs already with the data in ${dataDir}, ${from}: ` +
        "`npm stop` ends it, and with --data and --port a second one runs beside it.",
    );
  } finally {
    rmSync(draft, { force: true });
  }
  return {
    ready: () => writeWhole(note, JSON.stringify({ ...running, ready: true })),
    release: () => rmSync(note, { force: true }),
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
  mkdirSync(join(dataDir, "processes"), { recursive: true });
  writeFileSync(note, [command, ...args].join(" "));
  child.once("exit", () => rmSync(note, { force: true }));
  return child;
}

/** Ends the processes that a killed run left behind, and waits until they are gone. */
export async function endLeftovers({ dataDir }: Pick<Settings, "dataDir">): Promise<void> {
  const folder = join(dataDir, "processes");
  mkdirSync(folder, { recursive: true });
  for (const pid of readdirSync(folder)) {
    const command = commandOf(Number(pid));
    // Another command: the number is somebody else's by now. Its end: what `setpriv` started.
    if (command && readFileSync(join(folder, pid), "utf8").endsWith(command))
      await end(Number(pid));
    rmSync(join(folder, pid));
  }
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
