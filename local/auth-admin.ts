import { randomUUID } from "node:crypto";
import { Hono } from "hono";
import type { Sql } from "postgres";
import { z } from "zod";
import type { AuthService } from "./auth.ts";

const facts = z.record(z.string(), z.json()).default({});
/** No other attribute that GoTrue knows is passed over in silence. */
const attributes = z.strictObject({
  ...{ email: z.email().toLowerCase().optional(), password: z.string().optional() },
  ...{ email_confirm: z.boolean().default(false), user_metadata: facts, app_metadata: facts },
});

/** An error as GoTrue words it. */
export function refuse(status: number, code: string, msg: string): Response {
  const headers = { "x-sb-error-code": code };
  return Response.json({ code: status, error_code: code, msg }, { status, headers });
}

/** What `auth.admin` of supabase-js does to users, for callers who hold the secret key. */
export function createAuthAdmin(sql: Sql) {
  const app = new Hono<{ Bindings: { service: AuthService } }>().basePath("/auth/v1/admin/users");
  app.onError((error: Error & { code?: string; status?: number }) => {
    const { code = "", status, message } = error;
    if (code === "23505") return refuse(422, "email_exists", "This address is registered already");
    if (error instanceof z.ZodError)
      return refuse(400, "validation_failed", z.prettifyError(error));
    if (status) return refuse(status, code, message);
    throw error;
  });

  /** Sets what is told of a user; metadata comes to what is there. */
  async function change(service: AuthService, id: string, told: z.infer<typeof attributes>) {
    const { email, password, email_confirm, user_metadata: data, app_metadata } = told;
    const user = await service.updateUser(id, { data, ...(password && { password }) });
    await service.repo.updateUser(id, {
      ...(email && { email }),
      ...(email_confirm && { email_confirmed_at: new Date().toISOString() }),
      raw_app_meta_data: { ...user.app_metadata, ...app_metadata },
    });
  }

  app.get("/", async (c) => {
    const { page = "1", per_page: size = "50" } = c.req.query();
    const rows = await sql`select id, count(*) over () as total from auth.users
      order by created_at desc, id limit ${size} offset ${(Number(page) - 1) * Number(size)}`;
    const users = await Promise.all(rows.map(({ id }) => c.env.service.getUser(id)));
    c.header("x-total-count", `${rows[0]?.total ?? 0}`);
    return c.json({ users, aud: "authenticated" });
  });
  app.post("/", async (c) => {
    const { service } = c.env;
    const told = attributes.parse(await c.req.json());
    const { email = null, user_metadata } = told;
    const id = randomUUID();
    await service.repo.createUser({ id, email, raw_user_meta_data: user_metadata });
    const identity = { provider: "email", provider_id: id, identity_data: { sub: id, email } };
    await service.repo.createIdentity({ id: randomUUID(), user_id: id, ...identity });
    await change(service, id, told);
    return c.json(await service.getUser(id));
  });
  app.on(["GET", "PUT", "DELETE"], "/:id", async (c) => {
    const { service } = c.env;
    const id = z.guid().parse(c.req.param("id"));
    if (!(await service.repo.findUserById(id)))
      return refuse(404, "user_not_found", "No such user");
    if (c.req.method === "PUT") await change(service, id, attributes.parse(await c.req.json()));
    const user = await service.getUser(id);
    if (c.req.method === "DELETE") await sql`delete from auth.users where id = ${id}`;
    return c.json(user);
  });
  return app;
}
