import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";

/** What the platform acts on of `supabase/config.toml`; what is not there has lite's defaults. */
export type Config = {
  api: { schemas?: string[]; max_rows?: number };
  auth: {
    site_url?: string;
    additional_redirect_urls?: string[];
    jwt_expiry?: number;
    enable_signup?: boolean;
    enable_refresh_token_rotation?: boolean;
    minimum_password_length?: number;
    password_requirements?: string;
    email?: {
      enable_signup?: boolean;
      enable_confirmations?: boolean;
      otp_length?: number;
      otp_expiry?: number;
      template?: Record<string, { subject?: string; content_path: string }>;
    };
  };
  functions: Record<string, { enabled?: boolean; verify_jwt?: boolean }>;
};

/** Reads `supabase/config.toml`, where `env(NAME)` stands for a variable that is set. */
export function readConfig(root: string, env: NodeJS.ProcessEnv = process.env): Config {
  const text = readFileSync(join(root, "supabase", "config.toml"), "utf8");
  const filled = text.replace(/env\((\w+)\)/g, (reference, name) =>
    JSON.stringify(env[name] ?? reference).slice(1, -1),
  );
  return { api: {}, auth: {}, functions: {}, ...parse(filled) };
}
