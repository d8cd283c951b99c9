import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import type { Sql } from "postgres";
import { z } from "zod";
import { refuse } from "./auth.ts";

const metadata = z.record(z.string(), z.json()).default({});
const attributes = z.object({
  id: z.uuid().optional(),
  email: z.email().toLowerCase().optional(),
  password: z.string().min(1).max(72).optional(),
  email_confirm: z.boolean().default(false),
  user_metadata: metadata,
  app_metadata: metadata,
  ban_duration: z.string().optional(),
});

/** What `auth.admin` of supabase-js does to users, for callers who hold the secret key. */
export function createAuthAdmin(sql: Sql) {
  const columns = sql`id, aud, role, email, coalesce(phone, '') as phone, email_confirmed_at,
    confirmed_at, last_sign_in_at, banned_until, is_anonymous, created_at, updated_at,
    raw_app_meta_data as app_metadata, raw_user_meta_data as user_metadata`;
  const cost = Number(process.env.LITE_AUTH_BCRYPT_COST ?? 10);
  const hashed = (password = "") =>
    password ? sql`extensions.crypt(${password}, extensions.gen_salt('bf', ${cost}))` : sql`null`;
  const confirmed = (is: boolean) => (is ? sql`now()` : sql`null`);
  const merged = (column: string, change: z.infer<typeof metadata>) =>
    sql`jsonb_strip_nulls(coalesce(${sql(column)}, '{}') || ${sql.json(change)})`;

  const one = "/:id{[0-9a-fA-F-]{36}}";
  const app = new Hono().basePath("/auth/v1/admin/users");
  app.onError((error) => {
    const { code, message } = error as Error & { code?: string };
    const taken = "A user with this email address has already been registered";
    if (code === "23505") return refuse(422, "email_exists", taken);
    const isTheirs = error instanceof z.ZodError || error instanceof SyntaxError;
    if (isTheirs || code?.startsWith("22")) return refuse(400, "validation_failed", message);
    throw error;
  });
  app.get("/", async (c) => {
    const page = Math.max(1, Number(c.req.query("page")) || 1);
    const size = Math.min(1000, Math.max(1, Number(c.req.query("per_page")) || 50));
    const users = await sql`select ${columns} from auth.users
      order by created_at desc, id limit ${size} offset ${(page - 1) * size}`;
    const [all] = await sql`select count(*)::int as users from auth.users`;
    const last = Math.max(1, Math.ceil(all?.users / size));
    const next = page < last ? `</admin/users?page=${page + 1}>; rel="next", ` : "";
    c.header("x-total-count", String(all?.users));
    c.header("link", `${next}</admin/users?page=${last}>; rel="last"`);
    return c.json({ users, aud: "authenticated" });
  });
  app.post("/", async (c) => {
    const { id = randomUUID(), email = null, ...user } = attributes.parse(await c.req.json());
    const identity = { sub: id, email, email_verified: false, phone_verified: false };
    const about = { provider: "email", providers: ["email"], ...user.app_metadata };
    const [made] = await sql.begin(async (tx) => {
      const rows = await tx`
        insert into auth.users (id, email, encrypted_password, email_confirmed_at,
          raw_app_meta_data, raw_user_meta_data)
        values (${id}, ${email}, ${hashed(user.password)},
          ${confirmed(user.email_confirm)}, ${sql.json(about)}, ${sql.json(user.user_metadata)})
        returning ${columns}`;
      await tx`insert into auth.identities (id, provider, provider_id, user_id, identity_data)
        values (${randomUUID()}, 'email', ${id}, ${id}, ${sql.json(identity)})`;
      return rows;
    });
    return c.json(made);
  });
  const found = (user: unknown) =>
    user ? Response.json(user) : refuse(404, "user_not_found", "User not found");
  app.get(one, async (c) => {
    const [user] = await sql`select ${columns} from auth.users where id = ${c.req.param("id")}`;
    return found(user);
  });
  app.delete(one, async (c) => {
    const [user] = await sql`
      delete from auth.users where id = ${c.req.param("id")} returning ${columns}`;
    return found(user);
  });
  app.put(one, async (c) => {
    const change = attributes.parse(await c.req.json());
    const { ban_duration: ban, email = null } = change;
    const [user] = await sql`
      update auth.users set updated_at = now(),
        email = coalesce(${email}, email),
        encrypted_password = coalesce(${hashed(change.password)}, encrypted_password),
        email_confirmed_at = coalesce(email_confirmed_at, ${confirmed(change.email_confirm)}),
        raw_app_meta_data = ${merged("raw_app_meta_data", change.app_metadata)},
        raw_user_meta_data = ${merged("raw_user_meta_data", change.user_metadata)},
        banned_until = ${ban ? sql`now() + ${ban === "none" ? null : ban}::interval` : sql`banned_until`}
      where id = ${c.req.param("id")} returning ${columns}`;
    return found(user);
  });
  return async (request: Request) => app.fetch(request);
}
