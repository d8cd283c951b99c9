import { describe, expect, test } from "vitest";
import { database, inDays, stack } from "../api/actors.ts";
import { ask, leaks, send, told } from "./ask.ts";
import { type DatabaseFunction, functions } from "./catalog.ts";
import { type Attacker, rowOf, stored, world } from "./world.ts";

/** Calling what is not one's to call, with what is not one's to name. */

const all = await world();
const ofTheApi = await functions("public");
const { ana, gil, cleo } = all.people;

/** Ids of what is hidden from strangers, by the name of the argument. */
const hidden: Record<string, unknown> = {
  property_id: all.draft,
  reservation_id: all.rows.find(({ values }) => values.status === "held")!.key.id,
  inquiry_id: rowOf(all, "inquiries").key.id,
  image_ids: [rowOf(all, "property_images").key.id],
  user_id: gil.id,
  job_id: crypto.randomUUID(),
};
const plain: Record<string, unknown> = {
  ...{ check_in: inDays(30), check_out: inDays(33), from_date: inDays(0), to_date: inDays(90) },
  ...{ guests: 1, rating: 1, page_size: 100, role: "admin", host: ana.id, query: "" },
};
const named = ({ args }: DatabaseFunction, values: Record<string, unknown>) =>
  Object.fromEntries(
    args.filter(({ name }) => name in values).map(({ name }) => [name, values[name]]),
  );
const call = (who: Attacker, { name }: DatabaseFunction, body: object) =>
  ask(all, who, `/rest/v1/rpc/${name}`, { body });
const before = await stored(all);
const secretsFor = (who: Attacker) =>
  all.rows.filter((row) => row.hiddenFrom.includes(who)).flatMap(({ secrets }) => secrets);

const forVisitors = ["quote_stay", "search_properties", "unavailable_ranges"];
/** These answer a stranger, with nothing of what they were asked about. */
const forUsers = ["me", "order_images", "search_properties", "unavailable_ranges"];

describe.each(ofTheApi)("$name", (tried) => {
  const { name } = tried;
  const args = named(tried, { ...plain, ...hidden });

  test("T06 a visitor may call it only if it is meant for visitors", async () => {
    const secrets = secretsFor("visitor").filter(
      (secret) => !JSON.stringify(args).includes(secret),
    );
    const query = new URLSearchParams(args as Record<string, string>);
    const answers = [
      await call("visitor", tried, args),
      await ask(all, "visitor", `/rest/v1/rpc/${name}?${query}`),
    ];
    for (const answer of answers) {
      expect(leaks(answer, secrets)).toEqual([]);
      if (!forVisitors.includes(name)) expect([400, 401, 405]).toContain(answer.status);
    }
    if (!forVisitors.includes(name)) expect(answers[0]!.body).toContain('"42501"');
  });

  test("T07 a stranger learns nothing from it of what is another's, and changes nothing", async () => {
    const answer = await call("olga", tried, args);
    expect(leaks(answer, secretsFor("olga"))).toEqual([]);
    if (!forUsers.includes(name)) expect([400, 403, 404]).toContain(answer.status);
    expect(await stored(all)).toEqual(before);
  });

  test("T08 what is hidden and what does not exist are answered alike", async () => {
    const nothing = Object.fromEntries(
      Object.entries(hidden).map(([key, value]) => {
        const other = crypto.randomUUID();
        return [key, Array.isArray(value) ? [other] : other];
      }),
    );
    const elsewhere = named(tried, { ...plain, ...nothing });
    for (const who of ["visitor", "olga"] as const) {
      expect(told(await call(who, tried, args))).toBe(told(await call(who, tried, elsewhere)));
    }
  });
});

const forStaff = ofTheApi.filter(({ comment }) => /^(Admins|Staff) only\b/.test(comment));

test.each(forStaff)(
  "T16 $name is for staff alone, and what is for admins not for agents",
  async (tried) => {
    const isForAdmins = tried.comment.startsWith("Admins");
    const lower: Attacker[] = isForAdmins ? ["gil", "ana", "cleo"] : ["gil", "ana"];
    for (const who of lower) {
      const answer = await call(who, tried, named(tried, { ...plain, ...hidden }));
      expect([answer.status, JSON.parse(answer.body).code], who).toEqual([403, "42501"]);
    }
  },
);

test("T16 every function that asks for a role is said to be for staff", () => {
  expect(forStaff.map(({ name }) => name)).toEqual([
    ...["failed_jobs", "inquiry_queue", "inquiry_stats", "job_stats", "list_agents", "retry_job"],
    ...["search_users", "set_user_role"],
  ]);
});

describe("T10 agents", () => {
  const inquiry = rowOf(all, "inquiries");
  const path = `/rest/v1/inquiries?id=eq.${inquiry.key.id}`;
  const change = (who: Attacker, body: object) =>
    ask(all, who, path, { method: "PATCH", body, headers: { prefer: "return=representation" } });

  test("T10 see nothing of what another agent has", async () => {
    const { body } = await ask(all, "dirk", "/rest/v1/rpc/inquiry_queue", {
      body: { assigned_to: cleo.id },
    });
    expect(JSON.parse(body).code).toBe("42501");
    const queue = { body: { page_size: 100 } };
    const answer = await ask(all, "dirk", "/rest/v1/rpc/inquiry_queue", queue);
    expect(answer.status).toBe(200);
    expect(leaks(answer, secretsFor("dirk"))).toEqual([]);
  });

  test("T10 take nothing from another agent, and give nothing to one", async () => {
    const taken = await change("dirk", { assigned_to: all.people.dirk.id });
    expect(leaks(taken, inquiry.secrets)).toEqual([]);
    expect((await change("dirk", { status: "resolved" })).body).toBe("[]");
    const given = await change("cleo", { assigned_to: all.people.dirk.id });
    expect(JSON.parse(given.body).code).toBe("42501");
    for (const who of ["dirk", "olga", "ana"] as const) {
      const message = { inquiry_id: inquiry.key.id, body: "Me, too" };
      const answer = await ask(all, who, "/rest/v1/inquiry_messages", { body: message });
      expect(answer.status, who).toBe(404);
    }
    expect(await stored(all)).toEqual(before);
  });

  test("T10 decide nothing about an inquiry of their own, and its author nothing of staff's", async () => {
    const created = await ask(all, "cleo", "/rest/v1/inquiries", {
      body: { subject: "Mine", message: "Mine" },
      headers: { prefer: "return=representation" },
    });
    const [{ id }] = JSON.parse(created.body);
    for (const [who, of, agent] of [
      ["cleo", id, cleo.id],
      ["gil", inquiry.key.id, null],
    ] as const) {
      for (const body of [{ assigned_to: agent }, { severity: "urgent" }, { status: "pending" }]) {
        const at = `/rest/v1/inquiries?id=eq.${of}`;
        const { status, body: told } = await ask(all, who, at, { method: "PATCH", body });
        expect([400, 403, 409], `${who} ${JSON.stringify(body)} ${told}`).toContain(status);
      }
      const note = { inquiry_id: of, body: "A note", internal: true };
      expect((await ask(all, who, "/rest/v1/inquiry_messages", { body: note })).status).toBe(403);
    }
  });
});

test("T11 nobody writes in another's name", async () => {
  const inquiry_id = rowOf(all, "inquiries").key.id;
  const message = { inquiry_id, body: "Send us your password", author_role: "customer_service" };
  const said = await ask(all, "gil", "/rest/v1/inquiry_messages", {
    ...{ body: message, headers: { prefer: "return=representation" } },
  });
  expect(JSON.parse(said.body)[0]).toMatchObject({ author_id: gil.id, author_role: "user" });
  const as = { author_id: cleo.id, body: "As Cleo" };
  await ask(all, "gil", "/rest/v1/inquiry_messages", { body: { ...message, ...as } });
  const [asCleo] = await database`
    select count(*)::integer as count from public.inquiry_messages
    where author_id = ${cleo.id} and body = ${as.body}`;
  expect(asCleo!.count).toBe(0);
  const tries: [string, object][] = [
    ["inquiries", { user_id: gil.id, subject: "x", message: "x" }],
    ["favorites", { user_id: gil.id, property_id: all.home }],
    [
      "properties",
      {
        host_id: ana.id,
        title: "x",
        category: "cabin",
        country_code: "IE",
        city: "x",
        price_per_night: 1,
      },
    ],
    ["property_images", { property_id: all.home, path: `${ana.id}/${all.home}/x.png` }],
    ["property_blocks", { property_id: all.home, check_in: inDays(70), check_out: inDays(71) }],
  ];
  for (const [table, body] of tries) {
    const { status, body: told } = await ask(all, "olga", `/rest/v1/${table}`, { body });
    expect([status, JSON.parse(told).code], table).toEqual([403, "42501"]);
  }
});

describe("T12 what is not the API", () => {
  const internal = ["private", "auth", "storage", "vault", "cron", "net", "extensions"];
  const system = ["pg_catalog", "information_schema", "tests"];

  test("T12 no table of another schema can be reached, by whatever name", async () => {
    const found = await database<{ schema: string; name: string }[]>`
      select n.nspname as schema, c.relname as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm') and (n.nspname = any (${internal})
        or c.relname in ('pg_authid', 'pg_roles', 'pg_settings', 'pg_stat_activity', 'pg_proc'))`;
    expect(found.length).toBeGreaterThan(30);
    const answers = found.map(async ({ schema, name }) => {
      const headers = { "accept-profile": schema, "content-profile": schema };
      const tries = [
        await ask(all, "ada", `/rest/v1/${name}?limit=1`, { headers }),
        await ask(all, "olga", `/rest/v1/${schema}.${name}?limit=1`),
        await ask(all, "olga", `/rest/v1/${name}`, { headers, body: {} }),
      ];
      return tries.filter(({ status }) => status < 400).map(() => `${schema}.${name}`);
    });
    expect((await Promise.all(answers)).flat()).toEqual([]);
  });

  test("T12 no function of another schema can be called", async () => {
    const dangerous = [
      ...["set_config", "current_setting", "pg_sleep", "pg_read_file", "pg_ls_dir", "lo_import"],
      ...[
        "pg_terminate_backend",
        "pg_reload_conf",
        "query_to_xml",
        "dblink",
        "http_post",
        "schedule",
      ],
      ...["pg_advisory_lock", "decrypted_secret", "create_secret", "uid", "jwt", "crypt"],
    ];
    const ours = (await functions("private")).map(({ name }) => ({ name, schema: "private" }));
    const theirs = dangerous.map((name) => ({ name, schema: "public" }));
    const answers = [...ours, ...theirs].map(async ({ name, schema }) => {
      const headers = { "content-profile": schema };
      const { status } = await ask(all, "olga", `/rest/v1/rpc/${name}`, { headers, body: {} });
      return status < 400 ? [`${name}: ${status}`] : [];
    });
    expect((await Promise.all(answers)).flat()).toEqual([]);
  });

  test("T12 the roles of the API may not enter it in the database either", async () => {
    const open = await database`
      select n.nspname || '.' || c.relname as name, r.role
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      cross join unnest(array['anon', 'authenticated']) as r (role)
      where n.nspname in ('private', 'auth', 'vault', 'cron') and c.relkind in ('r', 'p', 'v', 'm')
        and has_schema_privilege(r.role, n.oid, 'usage')
        and has_table_privilege(r.role, c.oid, 'select, insert, update, delete, truncate')`;
    expect(open.map(({ role, name }) => `${role}: ${name}`)).toEqual([]);
    const entered = await database`
      select role from unnest(array['anon', 'authenticated']) role
      where has_schema_privilege(role, 'private', 'usage')`;
    expect(entered.map(({ role }) => role)).toEqual([]);
  });

  test("T12 its description names nothing but the API, and changes are told to nobody", async () => {
    const key = { apikey: stack.secretKey };
    const described = [
      await ask(all, "visitor", "/rest/v1/"),
      await send("/rest/v1/", { headers: key }),
    ];
    for (const { body } of described) {
      for (const schema of [...internal, ...system]) expect(body).not.toContain(`${schema}.`);
      for (const name of ["stripe_customers", "audit_log", "mail_suppressions", "job_kinds"]) {
        expect(body).not.toContain(name);
      }
    }
    const told = await database`
      select schemaname || '.' || tablename as name from pg_publication_tables
      where schemaname in ('public', 'private')`;
    expect(told).toEqual([]);
  });
});

test("T13 no function that acts as its owner is anybody's by default", async () => {
  const rows = await database<{ name: string; role: string }[]>`
    select p.oid::regprocedure::text as name, r.role
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    cross join unnest(array['anon', 'authenticated']) as r (role)
    where p.prosecdef and n.nspname in ('public', 'private')
      and has_function_privilege(r.role, p.oid, 'execute')`;
  const helpers = [
    "account_id",
    "has_role",
    "has_room_for_file",
    "my_property_ids",
    "project_url",
    "public_file_url",
    "reaches_inquiry",
  ];
  const isKnown = (name: string) => helpers.some((helper) => name.startsWith(`private.${helper}(`));
  const others = rows.filter(({ name }) => !isKnown(name));
  expect(others.filter(({ name }) => name.startsWith("private."))).toEqual([]);
  const byVisitors = others.filter(({ role }) => role === "anon").map(({ name }) => name);
  expect(byVisitors.map((name) => name.replace(/\(.*/, "")).sort()).toEqual(forVisitors);
  const [toAll] = await database`
    select count(*)::integer as count from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    where n.nspname in ('public', 'private') and a.grantee = 0`;
  expect(toAll!.count).toBe(0);
});
