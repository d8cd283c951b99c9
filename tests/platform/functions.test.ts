import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFunctions, type Functions } from "../../local/functions.ts";
import { commandOf } from "../../local/processes.ts";
import type { Settings } from "../../local/settings.ts";
import { waitFor } from "../api/actors.ts";

const root = mkdtempSync(join(tmpdir(), "functions-test-"));
const folder = join(root, "supabase", "functions");
let functions: Functions;

/** A function that does what its path asks for. */
const probe = `
  import { version } from "../_shared/version.ts";
  const text = new TextEncoder();
  export default {
    async fetch(request) {
      const url = new URL(request.url);
      switch (url.pathname.split("/")[2]) {
        case "env": return Response.json(Deno.env.toObject());
        case "echo": return new Response(request.body, { headers: { "x-method": request.method } });
        case "exit": return Deno.exit(3);
        case "throw": throw new Error("secret detail");
        case "fill": { const all = []; for (;;) all.push(new Array(1e6).fill(Math.random())); }
        case "wait": return await new Promise(() => {});
        case "nap": await new Promise((done) => setTimeout(done, 400)); return new Response("slept");
        case "read": return new Response(await Deno.readTextFile("/etc/hostname"));
        case "write": return new Response(await Deno.writeTextFile("probe.txt", "x"));
        case "run": return Response.json(new Deno.Command("/bin/sh").outputSync().code);
        case "stream": return new Response(new ReadableStream({
          async start(controller) {
            controller.enqueue(text.encode("first"));
            await new Promise((done) => setTimeout(done, 300));
            controller.enqueue(text.encode("second"));
            controller.close();
          },
        }));
        default: return Response.json({ version, pid: Deno.pid, path: url.pathname + url.search });
      }
    },
  };`;

const write = (path: string, text: string) => {
  mkdirSync(resolve(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const call = (path: string, init: RequestInit = {}) => {
  const [name = ""] = path.split("/");
  return functions.call(name, new Request(`http://api/functions/v1/${path}`, init));
};

beforeAll(() => {
  const project = resolve(import.meta.dirname, "../..");
  write("_shared/version.ts", "export const version = 1;");
  write("probe/index.ts", probe);
  write("broken/index.ts", "export default {");
  copyFileSync(join(project, "supabase/functions/deno.json"), join(folder, "deno.json"));
  symlinkSync(join(project, "node_modules"), join(root, "node_modules"));
  const settings = { root, dataDir: join(root, "data"), functionEnv: { ONLY: "this" } };
  functions = createFunctions(settings as unknown as Settings);
});
afterAll(async () => {
  await functions.stop();
  rmSync(root, { recursive: true });
});

test("a function is what has a folder with an index.ts", async () => {
  const request = new Request("http://api/functions/v1/probe");
  for (const name of ["nothing", "_shared", "..", "../functions/probe", ""]) {
    expect((await functions.call(name, request)).status).toBe(404);
  }
});

describe("a call", () => {
  test("reaches the function with its path, and has its environment and no other", async () => {
    expect(await (await call("probe/a/b?c=d")).json()).toMatchObject({ path: "/probe/a/b?c=d" });
    const env = Object.keys(await (await call("probe/env")).json());
    const own = env.filter((name) => !/^(DENO_|NO_COLOR$|PATH$)/.test(name));
    expect(own.sort()).toEqual(["NODE_ENV", "ONLY"]);
  });

  test("passes bodies through as they are, and an answer as it comes", async () => {
    const body = crypto.getRandomValues(new Uint8Array(60_000));
    const echoed = await call("probe/echo", { method: "PUT", body });
    expect(echoed.headers.get("x-method")).toBe("PUT");
    expect(new Uint8Array(await echoed.arrayBuffer())).toEqual(body);
    const chunks: string[] = [];
    const stream = await call("probe/stream");
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) chunks.push(chunk);
    expect(chunks).toEqual(["first", "second"]);
  });

  test("can read no files of others, write none and start nothing", async () => {
    for (const deed of ["read", "write", "run"]) {
      expect((await call(`probe/${deed}`)).status, deed).toBe(500);
    }
  });

  test("that throws is a 500 without detail", async () => {
    const answer = await call("probe/throw");
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("secret");
  });
});

describe("the process of a function", () => {
  const about = async () =>
    (await call("probe")).json() as Promise<{ version: number; pid: number }>;

  test("serves many calls", async () => {
    const pids = await Promise.all([about(), about(), about()]);
    expect(new Set(pids.map(({ pid }) => pid)).size).toBe(1);
  });

  test("that ends or fills its memory breaks off its calls with 502, and comes again", async () => {
    for (const death of ["exit", "fill"]) {
      const { pid } = await about();
      const [waiting, dying] = await Promise.all([call("probe/wait"), call(`probe/${death}`)]);
      expect([waiting.status, dying.status]).toEqual([502, 502]);
      expect(await dying.json()).toMatchObject({ message: expect.stringContaining("probe") });
      expect((await about()).pid).not.toBe(pid);
    }
  });

  test("that cannot start is a 503, until its code is mended", async () => {
    const answer = await call("broken");
    expect(answer.status).toBe(503);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    write("broken/index.ts", "export default { fetch: () => new Response('mended') };");
    await waitFor("the mended function", async () => (await call("broken")).ok || undefined);
  });

  test("is another one after a change, while calls at work end in peace", async () => {
    const before = await about();
    const napping = call("probe/nap");
    await new Promise((done) => setTimeout(done, 100));
    write("_shared/version.ts", "export const version = 2;");
    const after = await waitFor("the new version", async () => {
      const now = await about();
      return now.version === 2 ? now : undefined;
    });
    expect(after.pid).not.toBe(before.pid);
    expect(await (await napping).text()).toBe("slept");
    await waitFor("the end of the old one", async () => !commandOf(before.pid) || undefined);
  });

  test("ends with the platform", async () => {
    const { pid } = await about();
    await functions.stop();
    expect(commandOf(pid)).toBeUndefined();
  });
});
