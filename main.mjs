// The way in from whatever Node the machine has: sees to it that the packages are there, then
// hands over to the Node version that comes with them.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const node = join(root, "node_modules", "node", "bin", "node");

if (!isInstalled()) install();

const commands = join(root, "commands.ts");
const child = spawn(node, [commands, ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));

/** Whether what npm noted of its last install here is what the lock file asks for. */
function isInstalled() {
  if (!existsSync(join(root, "node_modules", ".package-lock.json"))) return false;
  const [locked, installed] = ["package-lock.json", "node_modules/.package-lock.json"].map(
    (file) => JSON.parse(readFileSync(join(root, file), "utf8")).packages,
  );
  return Object.entries(locked).every(
    // An optional package may be for another system.
    ([path, { version, optional }]) => !path || optional || version === installed[path]?.version,
  );
}

/**
 * Installs what the lock file says, and leaves that file alone. Not `npm ci`, which refuses a lock
 * file that lacks the packages for other systems. Standard output stays free for the command's own.
 */
function install() {
  console.error("Installing packages (npm install), a minute or two on the first start …");
  const quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
  const options = { cwd: root, stdio: ["ignore", 2, 2] };
  const { status, error } = spawnSync("npm", ["install", "--no-save", ...quiet], options);
  if (status === 0 && existsSync(node)) return;
  const reason = error?.message ?? `npm ended with code ${status}`;
  console.error(
    `The packages could not be installed: ${reason}. Mend what npm names above (often the network ` +
      "connection or a full disk) and run the same command again.",
  );
  process.exit(1);
}
