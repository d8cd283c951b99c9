import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type postgres from "postgres";
import { startPostgres } from "../../local/postgres.ts";
import type { Settings } from "../../local/settings.ts";
import { seedBuckets } from "../../local/storage-buckets.ts";
import { applyMigrations } from "../../local/supabase.ts";
import { Sink } from "../faults/world.ts";

type Part = "gateway" | "outside";

/** The platform with its parts apart: each can be measured, killed and started again. */
export class Platform {
  readonly settings: Settings;
  /** The mail server. */
  readonly sink = new Sink();
  #database: Awaited<ReturnType<typeof startPostgres>> | undefined;
  readonly #parts = new Map<Part, ChildProcess>();

  constructor(settings: Settings) {
    this.settings = settings;
  }

  async start(): Promise<void> {
    const { settings, sink } = this;
    sink.wellBehaved = true;
    await sink.open(settings.ports.smtp);
    this.#database = await startPostgres(settings);
    await Promise.all([applyMigrations(settings), seedBuckets(settings)]);
    await Promise.all([this.#startPart("gateway"), this.#startPart("outside")]);
  }

  async #startPart(name: Part): Promise<void> {
    const { ports, dataDir } = this.settings;
    const log = openSync(join(dataDir, `${name}.log`), "a");
    const args = [name, String(ports.api), dataDir];
    const part = fork(join(import.meta.dirname, "part.ts"), args, {
      execArgv: [],
      stdio: ["ignore", log, log, "ipc"],
    });
    closeSync(log);
    this.#parts.set(name, part);
    await Promise.race([once(part, "message"), once(part, "exit")]);
  }

  async stop(): Promise<void> {
    for (const part of this.#parts.values()) {
      if (hasEnded(part)) continue;
      const ended = once(part, "exit");
      part.kill();
      await ended;
    }
    await this.#database?.stop();
    await this.sink.close();
  }

  /** The database is shut down, and is there again after a while. */
  async restartDatabase(milliseconds: number): Promise<void> {
    await this.#database?.stop();
    await wait(milliseconds);
    this.#database = await startPostgres(this.settings);
    await this.#restartParts();
  }

  /** A backend dies as none should: the server ends all connections and recovers from its log. */
  async crashDatabase(sql: postgres.Sql): Promise<void> {
    const [victim] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    process.kill(victim!.pid, "SIGKILL");
    await wait(200);
    while (!(await sql`select 1`.catch(() => undefined))) await wait(50);
    await this.#restartParts();
  }

  /**
   * Starts parts again that end with the database, as whatever runs them would: the driver throws
   * where nobody can catch it when a connection breaks off at a certain moment (porsager/postgres#1208).
   */
  async #restartParts(): Promise<void> {
    const calm = performance.now() + 1_500;
    while (performance.now() < calm) {
      for (const [name, part] of this.#parts) if (hasEnded(part)) await this.#startPart(name);
      await wait(50);
    }
  }

  /** Processes of functions end as by a power cut: those of one function, or all. */
  killFunctions(name?: string): void {
    for (const [functionName, pid] of this.#functions()) {
      if (!name || functionName === name) process.kill(pid, "SIGKILL");
    }
  }

  /** Megabytes that the gateway and each function take, by name and process. */
  memory(): Map<string, number> {
    const gateway = this.#parts.get("gateway")!.pid!;
    const found = [["gateway", gateway] as const, ...this.#functions()];
    return new Map(found.map(([name, pid]) => [`${name} ${pid}`, residentSize(pid)]));
  }

  /** The processes of this platform's functions. */
  #functions(): [name: string, pid: number][] {
    const gateway = this.#parts.get("gateway")!.pid;
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.flatMap((pid) => {
      const [, parent] = /^PPid:\s+(\d+)/m.exec(read(pid, "status")) ?? [];
      if (Number(parent) !== gateway) return [];
      const [, name] = /\/functions\/([\w-]+)\/index\.ts/.exec(read(pid, "cmdline")) ?? [];
      return name ? [[name, Number(pid)] as [string, number]] : [];
    });
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function residentSize(pid: number): number {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+)/m.exec(read(String(pid), "status")) ?? [];
  return Number(kilobytes) / 1024;
}

/** A file that tells of a process; empty when it has ended. */
function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
