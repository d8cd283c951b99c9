import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** As strict as a new frontend is, and without Node: what stands in the document is for browsers. */
const compilerOptions = {
  ...{
    strict: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
  },
  ...{ target: "es2022", lib: ["es2022", "dom", "dom.iterable"], types: [] },
  ...{ module: "esnext", moduleResolution: "bundler", allowImportingTsExtensions: true },
  ...{ noEmit: true, skipLibCheck: true },
};

/**
 * Writes the code of docs/frontend.md, all of it as one module, to a folder from which it can be
 * compiled and run. Answers with the module's path and the names of its functions.
 */
export function writeFrontend(folder: string, api: { url: string; key: string }) {
  const document = readFileSync(join(root, "docs", "frontend.md"), "utf8");
  const blocks = Array.from(document.matchAll(/^```ts\n(.*?)^```$/gms), ([, code]) => code!);
  const code = blocks
    .join("\n")
    .replace("http://127.0.0.1:54321", () => api.url)
    .replace("sb_publishable_…", () => api.key);
  const names = Array.from(code.matchAll(/^(?:async )?function (\w+)/gm), ([, name]) => name!);
  const file = join(folder, "frontend.ts");
  writeFileSync(file, `${code}\nexport { ${["supabase", ...names].join(", ")} };\n`);
  const options = { compilerOptions, files: ["frontend.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  for (const needed of ["node_modules", "types"]) {
    symlinkSync(join(root, needed), join(folder, needed));
  }
  return { file, names };
}
