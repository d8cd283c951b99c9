import { readFileSync } from "node:fs";
import { join } from "node:path";
import { getAuthSchemaSql, getStorageSchemaSql, SUPABASE_AUTH_HELPERS_SQL } from "@supabase/lite";
import postgres from "postgres";
import type { Settings } from "./settings.ts";

/**
 * Makes a fresh database what a hosted project is before its first migration: all at once or not
 * at all. Its secrets in Vault, which depend on ports and keys, are set at every start.
 */
export async function layPlatform({ adminDatabaseUrl, keys, urls }: Settings): Promise<void> {
  const sql = postgres(adminDatabaseUrl, { max: 1, fetch_types: false, onnotice: () => {} });
  const file = (name: string) => readFileSync(join(import.meta.dirname, "sql", name), "utf8");
  const fresh = `
    ${file("roles.sql")}
    set local role supabase_auth_admin;
    ${SUPABASE_AUTH_HELPERS_SQL} ${getAuthSchemaSql()}
    set local role supabase_storage_admin;
    ${getStorageSchemaSql()}
    reset role;
    ${file("schemas.sql")}
    alter role postgres password '${keys.databasePassword}';
    alter role authenticator password '${keys.databasePassword}'`;
  await sql
    .begin(async (tx) => {
      const [platform] = await tx`select to_regnamespace('storage') is not null as laid`;
      if (!platform?.laid) await tx.unsafe(fresh);
      await tx`delete from vault.secrets where name in ('project_url', 'secret_key')`;
      await tx`select vault.create_secret(${urls.api}, 'project_url'),
                      vault.create_secret(${keys.secret}, 'secret_key')`;
    })
    .finally(() => sql.end());
}
