import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Config } from "./config.ts";
import { startProcess } from "./processes.ts";
import type { Settings } from "./settings.ts";

/** What a hosted project allows a function: how long a call takes, and how much memory all use. */
const wallClock = 150_000;
const memory = "--v8-flags=--max-old-space-size=256";

type Worker = { process: ChildProcess; address: Promise<string> };

/** The edge functions: one Deno process each, started at its first call. */
export type Functions = {
  /** How a function wants to be called, or nothing when there is no such function. */
  find(name: string): { verify_jwt: boolean } | undefined;
  call(name: string, request: Request): Promise<Response>;
  stop(): Promise<void>;
};

export function createFunctions(settings: Settings, config: Config): Functions {
  const folder = join(settings.root, "supabase", "functions");
  const workers = new Map<string, Worker>();
  const processes = new Set<ChildProcess>();
  // Those at work end their calls; the next call starts another one, which reads the new code.
  const retire = () => {
    for (const { process } of workers.values()) process.stdin?.end();
    workers.clear();
  };
  const watcher = watch(folder, { recursive: true }, retire);
  watcher.on("error", ({ message }) => console.error(`[functions] Sees no changes: ${message}`));

  function workerOf(name: string): Worker {
    const running = workers.get(name);
    if (running) return running;
    const worker = startWorker(settings, folder, name);
    workers.set(name, worker);
    processes.add(worker.process);
    worker.process.once("exit", () => {
      processes.delete(worker.process);
      if (workers.get(name) === worker) workers.delete(name);
    });
    return worker;
  }

  return {
    find(name) {
      const { enabled = true, verify_jwt = true } = config.functions[name] ?? {};
      const exists = /^[a-z0-9][\w-]*$/i.test(name) && existsSync(join(folder, name, "index.ts"));
      return exists && enabled ? { verify_jwt } : undefined;
    },
    async call(name, request) {
      const { process, address } = workerOf(name);
      const origin = await address.catch(() => undefined);
      if (!origin) return failure(503, "BOOT_ERROR", `${name} did not start: its log tells why`);
      const signal = AbortSignal.timeout(wallClock);
      return forward(request, origin, signal).catch((error) => {
        if (request.signal.aborted) return failure(499, "CLIENT_CLOSED", "The caller went away");
        console.log(
          `[${name}] ${request.method} broke off: ${error.cause?.message ?? error.message}`,
        );
        if (!signal.aborted)
          return failure(502, "WORKER_ERROR", `${name} broke off: its log tells why`);
        process.kill("SIGKILL");
        return failure(504, "WORKER_LIMIT", `${name} took longer than 150 s`);
      });
    },
    async stop() {
      watcher.close();
      retire();
      const ended = Promise.all([...processes].map((process) => once(process, "exit")));
      await Promise.race([ended, wait(1000, undefined, { ref: false })]);
      for (const process of processes) process.kill("SIGKILL");
      await ended;
    },
  };
}

/** What Deno runs: the function behind a port of its own, for as long as this process lives. */
const host = (entry: string) =>
  `import f from ${JSON.stringify(entry)};` +
  `const s=Deno.serve({hostname:"127.0.0.1",port:0,onListen:({port})=>console.log("port",port)},` +
  "(r,i)=>f.fetch(r,i));" +
  "Deno.stdin.readable.pipeTo(new WritableStream()).finally(()=>{" +
  "setTimeout(Deno.exit,10000);s.shutdown().then(()=>Deno.exit())})";

function startWorker(settings: Settings, folder: string, name: string): Worker {
  const entry = pathToFileURL(join(folder, name, "index.ts")).href;
  const nodeModules = join(settings.root, "node_modules");
  const deno = createRequire(import.meta.url)("deno/install_api.cjs").runInstall();
  const args = [
    ...["run", "--quiet", "--no-prompt", "--no-remote", "--no-lock", memory],
    ...["--node-modules-dir=manual", `--config=${join(folder, "deno.json")}`],
    ...["--allow-net", "--allow-env", "--allow-sys=hostname"],
    `--allow-read=${folder},${nodeModules}`,
    `data:text/javascript,${encodeURI(host(entry))}`,
  ];
  const cache = { DENO_DIR: join(nodeModules, ".cache", "deno"), NO_COLOR: "1" };
  const env = { ...settings.functionEnv, ...cache };
  const process = startProcess(settings, deno, args, { env, cwd: folder });
  const address = new Promise<string>((resolve, reject) => {
    process.once("exit", () => reject(new Error(`${name} ended before it listened`)));
    for (const output of [process.stdout, process.stderr]) {
      createInterface({ input: output as Readable }).on("line", (line) => {
        const port = /^port (\d+)$/.exec(line)?.[1];
        if (port) resolve(`http://127.0.0.1:${port}`);
        else console.log(`[${name}] ${line}`);
      });
    }
  });
  address.catch(() => {});
  return { process, address };
}

/** Passes a call on, body and answer as they flow. The path begins with the function's name. */
async function forward(request: Request, origin: string, limit: AbortSignal): Promise<Response> {
  const url = new URL(request.url);
  const headers = new Headers(request.headers);
  for (const name of ["connection", "expect", "host", "transfer-encoding"]) headers.delete(name);
  headers.set("accept-encoding", "identity");
  const answer = await fetch(origin + url.pathname.slice("/functions/v1".length) + url.search, {
    method: request.method,
    headers,
    body: request.body,
    duplex: "half",
    redirect: "manual",
    signal: AbortSignal.any([request.signal, limit]),
  } as RequestInit);
  return new Response(answer.body, answer);
}

function failure(status: number, code: string, message: string): Response {
  const headers = { "access-control-allow-origin": "*" };
  return Response.json({ code, message }, { status, headers });
}
