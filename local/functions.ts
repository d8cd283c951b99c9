import { type ChildProcessWithoutNullStreams as Process, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { proxy } from "hono/proxy";
import { refuse } from "./refuse.ts";
import type { Settings } from "./settings.ts";

type Worker = { name: string; process: Process; origin: Promise<string | undefined> };
export type Functions = ReturnType<typeof createFunctions>;

/** The edge functions: one Deno process each, started at its first call. */
export function createFunctions(settings: Settings) {
  const folder = join(settings.root, "supabase", "functions");
  const workers = new Set<Worker>();
  // Those at work end their calls; the next call starts another one, which reads the new code.
  const watcher = watch(folder, { recursive: true }, () => {
    for (const { process } of workers) process.stdin.end();
  });
  watcher.on("error", ({ message }) => console.error(`[functions] Sees no changes: ${message}`));

  return {
    /** Passes a call on, body and answer as they flow. The path begins with the function's name. */
    async call(name: string, request: Request): Promise<Response> {
      const entry = join(folder, name, "index.ts");
      if (!/^[a-z0-9][\w-]*$/i.test(name) || !existsSync(entry)) {
        return refuse(404, "NOT_FOUND", "Requested function was not found");
      }
      const isReady = (worker: Worker) => worker.name === name && worker.process.stdin.writable;
      const worker = [...workers].find(isReady) ?? startWorker(settings, name, workers);
      const origin = await worker.origin;
      if (!origin) return refuse(503, "BOOT_ERROR", `${name} did not start: its log tells why`);
      const url = request.url.replace(/^.*?\/functions\/v1/, origin);
      const headers = { ...Object.fromEntries(request.headers), expect: undefined };
      const { signal } = request;
      return proxy(url, { raw: request, headers, redirect: "manual", signal }).catch((error) => {
        console.log(`[${name}] ${request.method} broke off: ${(error.cause ?? error).message}`);
        // Its end may not be known here yet: the next call does not go to it any more.
        if (!signal.aborted) worker.process.stdin.end();
        return refuse(502, "WORKER_ERROR", `${name} broke off: see its log`);
      });
    },
    async stop() {
      watcher.close();
      for (const { process } of workers) process.kill("SIGKILL");
      await Promise.all([...workers].map(({ process }) => once(process, "exit")));
    },
  };
}

/** What Deno runs: the function behind a port of its own, for as long as this process lives. */
const host = (entry: string) => `
  import f from ${JSON.stringify(entry)};
  const onListen = ({ port }) => console.log("port", port);
  const s = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, (r, i) => f.fetch(r, i));
  for await (const _ of Deno.stdin.readable);
  setTimeout(Deno.exit, 10000);
  s.shutdown().then(() => Deno.exit());`;

function startWorker(settings: Settings, name: string, workers: Set<Worker>): Worker {
  const { root, functionEnv } = settings;
  const folder = join(root, "supabase", "functions");
  const nodeModules = join(root, "node_modules");
  const deno = createRequire(import.meta.url)("deno/install_api.cjs").runInstall();
  const args = [
    ...["run", "--quiet", "--no-prompt", "--no-remote", "--no-lock"],
    // A hosted function has 256 MB. By this machine's memory, V8 would let much more garbage lie.
    "--v8-flags=--max-old-space-size=256,--max-semi-space-size=4",
    ...["--node-modules-dir=manual", `--config=${join(folder, "deno.json")}`],
    ...["--allow-net", "--allow-env", "--allow-sys=hostname"],
    `--allow-read=${folder},${nodeModules}`,
    `data:text/javascript,${encodeURI(host(pathToFileURL(join(folder, name, "index.ts")).href))}`,
  ];
  const cache = { DENO_DIR: join(nodeModules, ".cache", "deno"), NO_COLOR: "1" };
  // As hosted: React is several times faster than while it watches for mistakes.
  const env = { ...functionEnv, ...cache, NODE_ENV: "production" };
  const process = spawn(deno, args, { env, cwd: folder });
  const origin = new Promise<string | undefined>((resolve) => {
    process.once("exit", () => resolve(undefined));
    for (const input of [process.stdout, process.stderr]) {
      createInterface({ input }).on("line", (line) => {
        const port = /^port (\d+)$/.exec(line)?.[1];
        if (port) resolve(`http://127.0.0.1:${port}`);
        else console.log(`[${name}] ${line}`);
      });
    }
  });
  const worker = { name, process, origin };
  workers.add(worker);
  process.once("exit", () => workers.delete(worker));
  return worker;
}
