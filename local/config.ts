import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";

type Table = { [name: string]: unknown };
type Bucket = Table & { file_size_limit?: string; objects_path?: string };

/** What the platform looks at in `supabase/config.toml`; the rest goes to lite as it is. */
export type Config = {
  api: Table;
  auth: Table & { email: Table & { template: Record<string, { content_path: string }> } };
  storage: { file_size_limit: string; buckets: Record<string, Bucket> };
};

/** Reads `supabase/config.toml`, where `env(NAME)` stands for a variable that is set. */
export function readConfig(root: string, env: NodeJS.ProcessEnv): Config {
  const text = readFileSync(join(root, "supabase", "config.toml"), "utf8");
  const filled = text.replace(/env\((\w+)\)/g, (reference, name) =>
    JSON.stringify(env[name] ?? reference).slice(1, -1),
  );
  return parse(filled) as Config;
}
