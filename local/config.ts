import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";

type Settings = { [name: string]: unknown };
type BucketConfig = Settings & { file_size_limit?: string; objects_path?: string };

/** What the platform looks at in `supabase/config.toml`; the rest goes to lite as it is. */
export type Config = {
  api: Settings;
  auth: Settings & {
    site_url?: string;
    password_requirements?: string;
    email?: Settings & { template?: Record<string, { content_path: string }> };
  };
  functions: Record<string, { enabled?: boolean; verify_jwt?: boolean }>;
  storage?: { file_size_limit?: string; buckets?: Record<string, BucketConfig> };
};

/** Reads `supabase/config.toml`, where `env(NAME)` stands for a variable that is set. */
export function readConfig(root: string, env: NodeJS.ProcessEnv = process.env): Config {
  const text = readFileSync(join(root, "supabase", "config.toml"), "utf8");
  const filled = text.replace(/env\((\w+)\)/g, (reference, name) =>
    JSON.stringify(env[name] ?? reference).slice(1, -1),
  );
  return { api: {}, auth: {}, functions: {}, ...parse(filled) };
}
