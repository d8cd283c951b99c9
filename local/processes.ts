import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Settings, StartError, typed, writeWhole } from "./settings.ts";

/** What a running stack says of itself in its data folder. */
type Running = { pid: number; command: string; port: number; ready: boolean };

/** The stack that runs in this data folder. What a killed one left behind does not count. */
export function findRunning(dataDir: string): Running | undefined {
  const note = join(dataDir, "stack.json");
  if (!fs.existsSync(note)) return undefined;
  const running: Running = JSON.parse(fs.readFileSync(note, "utf8") || "{}");
  const command = running.pid === process.pid ? undefined : commandOf(running.pid);
  return command && command === running.command ? running : undefined;
}

export function refuseSecond(dataDir: string): void {
  if (!findRunning(dataDir)) return;
  throw new StartError(
    `Djanobnb runs already with the data in ${dataDir}: ${typed("npm stop", { dataDir })} ends it, ` +
      "and with --data and --port another one runs beside it.",
  );
}

/** Takes the data folder for this process: of two that start at once, one is refused. */
export function claimFolder({ dataDir, ports }: Settings): { ready(): void; release(): void } {
  const note = join(dataDir, "stack.json");
  refuseSecond(dataDir);
  const { pid } = process;
  const running = { pid, command: commandOf(pid), port: ports.api, ready: false };
  fs.rmSync(note, { force: true });
  fs.writeFileSync(note, JSON.stringify(running), { flag: "wx" });
  return {
    ready: () => writeWhole(note, JSON.stringify({ ...running, ready: true })),
    release: () => fs.rmSync(note, { force: true }),
  };
}

/** Ends the database that a killed run left behind. The functions end by themselves. */
export async function endLeftovers({ dataDir }: Pick<Settings, "dataDir">): Promise<void> {
  const note = join(dataDir, "postgres", "postmaster.pid");
  if (!fs.existsSync(note)) return;
  const [pid, ...rest] = fs.readFileSync(note, "utf8").split("\n");
  if (commandOf(Number(pid))?.includes("bin/postgres -D")) return await end(Number(pid));
  // Somebody else may have its number by now. PostgreSQL takes its parent's number for an old one,
  // and goes on to see whether its memory is still in use.
  fs.writeFileSync(note, [process.pid, ...rest].join("\n"));
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
  const ps = () => execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" });
  const proc = () => fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  try {
    // Not every Linux has `ps`, and no Mac has /proc. The line of a process that has ended is empty.
    return (process.platform === "linux" ? proc() : ps()).trim() || undefined;
  } catch {
    return undefined;
  }
}
