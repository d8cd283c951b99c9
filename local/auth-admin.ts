import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import type { ISql, Sql } from "postgres";
import { z } from "zod";
import { refuse } from "./auth.ts";

const metadata = z.record(z.string(), z.json()).default({});
const attributes = z.object({
  email: z.email().toLowerCase().nullable().default(null),
  password: z.string().min(1).max(72).nullable().default(null),
  email_confirm: z.boolean().default(false),
  user_metadata: metadata,
  app_metadata: metadata,
});

/** What `auth.admin` of supabase-js does to users, for callers who hold the secret key. */
export function createAuthAdmin(sql: Sql) {
  const columns = sql`id, aud, role, email, coalesce(phone, '') as phone, email_confirmed_at,
    confirmed_at, last_sign_in_at, is_anonymous, created_at, updated_at,
    raw_app_meta_data as app_metadata, raw_user_meta_data as user_metadata`;
  const found = ([user]: Iterable<unknown>) =>
    user ? Response.json(user) : refuse(404, "user_not_found", "User not found");
  const change = (db: ISql, id: string, to: z.infer<typeof attributes>) => db`
    update auth.users set updated_at = now(),
      email = coalesce(${to.email}, email),
      encrypted_password =
        coalesce(extensions.crypt(${to.password}, extensions.gen_salt('bf', 10)), encrypted_password),
      email_confirmed_at = case when ${to.email_confirm} then now() else email_confirmed_at end,
      raw_app_meta_data = jsonb_strip_nulls(raw_app_meta_data || ${sql.json(to.app_metadata)}),
      raw_user_meta_data = jsonb_strip_nulls(raw_user_meta_data || ${sql.json(to.user_metadata)})
    where id = ${id} returning ${columns}`;

  const app = new Hono().basePath("/auth/v1/admin/users");
  app.onError((error) => {
    const taken = "A user with this email address has already been registered";
    if ("code" in error && error.code === "23505") return refuse(422, "email_exists", taken);
    if (error instanceof z.ZodError) return refuse(400, "validation_failed", error.message);
    throw error;
  });
  app.get("/", async (c) => {
    const page = Number(c.req.query("page") || 1);
    const size = Number(c.req.query("per_page") || 50);
    const users = await sql`select ${columns} from auth.users
      order by created_at desc, id limit ${size} offset ${(page - 1) * size}`;
    const [{ total } = { total: 0 }] = await sql`select count(*)::int as total from auth.users`;
    const last = Math.ceil(total / size);
    const next = page < last ? `<?page=${page + 1}>; rel="next", ` : "";
    const link = `${next}<?page=${last}>; rel="last"`;
    return c.json({ users, aud: "authenticated" }, 200, { link, "x-total-count": `${total}` });
  });
  app.post("/", async (c) => {
    const user = attributes.parse(await c.req.json());
    const id = randomUUID();
    const about = { provider: "email", providers: ["email"] };
    const identity = { sub: id, email: user.email, email_verified: false, phone_verified: false };
    const made = await sql.begin(async (tx) => {
      await tx`insert into auth.users (id, email, raw_app_meta_data, raw_user_meta_data)
        values (${id}, ${user.email}, ${sql.json(about)}, ${sql.json(user.user_metadata)})`;
      await tx`insert into auth.identities (id, provider, provider_id, user_id, identity_data)
        values (${randomUUID()}, 'email', ${id}, ${id}, ${sql.json(identity)})`;
      return await change(tx, id, user);
    });
    return found(made);
  });
  app.get("/:id", async (c) =>
    found(await sql`select ${columns} from auth.users where id = ${c.req.param("id")}`),
  );
  app.delete("/:id", async (c) =>
    found(await sql`delete from auth.users where id = ${c.req.param("id")} returning ${columns}`),
  );
  app.put("/:id", async (c) =>
    found(await change(sql, c.req.param("id"), attributes.parse(await c.req.json()))),
  );
  return app;
}
