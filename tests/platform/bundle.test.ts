import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleFunctions } from "../../supabase/bundle.ts";

const root = resolve(import.meta.dirname, "../..");
const folders = globSync("supabase/functions/*/index.ts", { cwd: root }).map(dirname);
const processes: ChildProcess[] = [];
let target: string;

beforeAll(async () => {
  target = mkdtempSync(join(tmpdir(), "djanobnb-bundle-"));
  await bundleFunctions(target);
});

afterAll(async () => {
  for (const child of processes) {
    child.kill("SIGKILL");
    if (child.exitCode === null) await once(child, "exit");
  }
  rmSync(target, { recursive: true });
});

/** Starts a bundled function with the environment of the stack's and no package in reach. */
async function serve(file: string): Promise<string> {
  const deno = createRequire(import.meta.url)("deno/install_api.cjs").runInstall();
  const options = ["--no-config", "--no-remote", "--no-npm", "--no-lock", "--no-prompt"];
  const allowed = ["--allow-net", "--allow-env", "--allow-sys=hostname"];
  const child = spawn(
    deno,
    ["serve", ...options, ...allowed, "--host=127.0.0.1", "--port=0", file],
    { cwd: target, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, NO_COLOR: "1" } },
  );
  processes.push(child);
  return await new Promise((resolve, reject) => {
    const said: string[] = [];
    child.once("exit", () => reject(new Error(`It did not start:\n${said.join("\n")}`)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      const address = /Listening on (http:\S+?)\/?$/.exec(line)?.[1];
      if (address) resolve(address);
    });
  });
}

describe.each(folders)("%s, bundled for a hosted project", (folder) => {
  it("is small enough to be deployed without Docker, starts without packages, and answers", async () => {
    const file = join(target, folder, "index.js");
    expect(statSync(file).size).toBeLessThan(5_000_000);

    const address = await serve(file);
    const stranger = await fetch(`${address}/${basename(folder)}`, { method: "POST", body: "{}" });
    expect([400, 401, 404, 405]).toContain(stranger.status);
    expect(await stranger.json()).toHaveProperty("error.code");
  });
});

it("does the work of the queue", async () => {
  const address = await serve(join(target, "supabase/functions/jobs/index.js"));
  const headers = { apikey: process.env.SECRET_KEY ?? "" };
  const answer = await fetch(`${address}/jobs`, { method: "POST", headers });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ failed: 0, remaining: 0 });
});
