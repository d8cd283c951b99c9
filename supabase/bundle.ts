import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { parse, stringify } from "smol-toml";

type Config = {
  project_id: string;
  storage: { buckets: Record<string, { objects_path?: string }> };
  functions: Record<string, { entrypoint?: string; import_map?: string }>;
};

/**
 * What packages bring along and these functions never call: a formatter for the HTML of mails, the
 * unpacker of WOFF2 fonts, Zod's messages in other languages. A quarter of a megabyte and more each.
 */
const unused = /^(prettier|brotli)\/|^\.\.\/locales\/index\.js$/;
const builtins = new RegExp(`^(${builtinModules.join("|")})$`);

const plugin: Plugin = {
  name: "edge-function",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: unused }, ({ path }) => ({ path, namespace: "unused" }));
    onLoad({ filter: /./, namespace: "unused" }, () => ({ contents: "module.exports = {}" }));
    onResolve({ filter: builtins }, ({ path }) => ({ path: `node:${path}`, external: true }));
  },
};

/** Packages for Node expect these to be there. */
const nodeGlobals = `
import { Buffer as nodeBuffer } from "node:buffer";
import { createRequire } from "node:module";
globalThis.Buffer ??= nodeBuffer;
globalThis.global ??= globalThis;
const require = createRequire(import.meta.url);`;

/**
 * Writes what is deployed to a project folder of its own: the functions, each as one file with all
 * that it needs (a few megabytes in place of the packages' tens, more than can be deployed), and the
 * buckets without the demo pictures.
 */
export async function bundleFunctions(target: string): Promise<void> {
  const supabase = import.meta.dirname;
  const config = parse(readFileSync(join(supabase, "config.toml"), "utf8")) as Config;
  const { project_id, storage, functions } = config;
  rmSync(target, { recursive: true, force: true });
  await build({
    entryPoints: Object.keys(functions).map((name) =>
      join(supabase, "functions", name, "index.ts"),
    ),
    outbase: supabase,
    outdir: join(target, "supabase"),
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    conditions: ["deno"],
    mainFields: ["module", "main"],
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    banner: { js: nodeGlobals },
    plugins: [plugin],
    logLevel: "warning",
  });
  for (const [name, settings] of Object.entries(functions)) {
    settings.entrypoint = `./functions/${name}/index.js`;
    delete settings.import_map;
  }
  for (const bucket of Object.values(storage.buckets)) delete bucket.objects_path;
  const deployed = stringify({ project_id, storage, functions });
  writeFileSync(join(target, "supabase", "config.toml"), deployed);
}

/** `npm run bundle`: to where README.md deploys from. */
export async function bundle(): Promise<void> {
  const target = resolve(import.meta.dirname, "../.local/deploy");
  await bundleFunctions(target);
  console.log(`Ready to be deployed from ${target}: docs/operations.md says how.`);
}
