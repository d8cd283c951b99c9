import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { commandOf } from "../../local/processes.ts";
import { findFreePorts } from "../stack.ts";

/** What the commands say to whoever types them: a sentence, never a stack. */

const file = resolve(import.meta.dirname, "../../commands.ts");
const folder = mkdtempSync(join(tmpdir(), "djanobnb-commands-"));
afterAll(() => rmSync(folder, { recursive: true }));

// As somebody types them: without what the stack of the tests has in the environment.
const { PORT: _port, DATA: _data, DETACHED: _detached, ...env } = process.env;

/** Runs a command to its end. */
async function run(...args: string[]) {
  const options = { env: { ...env, INIT_CWD: folder }, timeout: 20_000 };
  return await new Promise<{ code: unknown; stdout: string; stderr: string }>((done) => {
    execFile(process.execPath, [file, ...args], options, (error, stdout, stderr) => {
      done({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

describe.concurrent("what cannot be done is said in a sentence", () => {
  const inWay = join(folder, "in-the-way");
  writeFileSync(inWay, "");

  test.for<[typed: string, sentence: RegExp]>([
    ["nonsense", /^There is no command "nonsense"\.\n.*stripe:replay.*--data/s],
    ["start foo", /^`start` takes no "foo"\.\n.*stripe:replay/s],
    ["start --frob", /^Unknown option '--frob'\.\n.*stripe:replay/s],
    ["soak --minutes x", /^--minutes must be a number above 0, not "x"\.\n$/],
    ["status --output xml", /^--output must be env or json, not "xml"\.\n$/],
    ["start --port abc", /^--port must be a number from 1024 to 65520, not "abc"\.\n$/],
    ["bench nonsense", /^No bench "nonsense"\. There are: search, /],
    ["start --data in-the-way", /^No data can be kept in \S+in-the-way: ENOTDIR: [^\n]+\n$/],
    ["start --data in-the-way/x", /^No data can be kept in \S+: ENOTDIR: [^\n]+\n$/],
    ["start --detach --data in-the-way", /^No data can be kept in \S+: ENOTDIR: [^\n]+\n$/],
    ["status --data none", /^Nothing runs with [^\n]+`npm start -- --data \S+none` starts it\.\n$/],
  ])("%s", async ([typed, sentence]) => {
    const { code, stdout, stderr } = await run(...typed.split(" "));
    expect(stderr).toMatch(sentence);
    expect([code, stdout]).toEqual([1, ""]);
  });

  test.runIf(process.platform === "linux")("a folder that the system makes none in", async () => {
    expect((await run("start", "--data", "/proc/nope")).stderr).toMatch(/^No data can be kept/);
  });

  test("keys that are broken", async () => {
    const data = mkdtempSync(join(folder, "keys-"));
    writeFileSync(join(data, "keys.json"), "{");
    const { code, stderr } = await run("start", "--data", data);
    expect(stderr).toBe(
      `${data}/keys.json is broken: bring it back, or remove ${data} to begin anew.\n`,
    );
    expect(code).toBe(1);
  });

  test("a page of mails on a port that is taken", async () => {
    const taken = createServer().listen(await findFreePorts(), "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const { code, stderr } = await run("mails", "--port", String(port - 9));
    taken.close();
    expect(stderr).toBe(`Port ${port} is in use: --port names another one, less 9.\n`);
    expect(code).toBe(1);
  });

  test("a second start in the background leaves the log of the first one alone", async () => {
    const data = mkdtempSync(join(folder, "twice-"));
    const { pid } = process;
    const running = { pid, command: commandOf(pid), port: 20_000, ready: true };
    writeFileSync(join(data, "stack.json"), JSON.stringify(running));
    writeFileSync(join(data, "stack.log"), "what the first one said");
    const { code, stderr } = await run("start", "--detach", "--data", data);
    expect(stderr).toContain(
      `runs already with the data in ${data}: \`npm stop -- --data ${data}\``,
    );
    expect(code).toBe(1);
    expect(readFileSync(join(data, "stack.log"), "utf8")).toBe("what the first one said");
  });
});

test("all commands and options are told on one page", async () => {
  const { code, stdout } = await run("--help");
  const { scripts } = JSON.parse(readFileSync(join(file, "../package.json"), "utf8"));
  const names = Object.keys(scripts).filter((name) => !/^(test|bench):/.test(name));
  expect(names.filter((name) => !stdout.includes(`\n  ${name} `))).toEqual([]);
  expect(code).toBe(0);
  expect(stdout.split("\n").length).toBeLessThanOrEqual(24);
});

test("a start that is interrupted stops at its next step", { timeout: 60_000 }, async () => {
  const data = mkdtempSync(join(folder, "interrupted-"));
  const args = [file, "start", "--data", data, "--port", String(await findFreePorts())];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text: string) => {
      // Only once it is under way.
      if (!said) child.kill("SIGINT");
      said += text;
    });
  }
  const [code] = await once(child, "close");
  expect(said).toBe("Starting the database\nStopping\n");
  expect(code).toBe(0);
  expect(existsSync(join(data, "stack.json"))).toBe(false);
});
