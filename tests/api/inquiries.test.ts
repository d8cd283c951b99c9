import { randomInt } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Actor,
  call,
  database,
  demo,
  inDays,
  type Mail,
  mailTo,
  signUp,
  stack,
  unwrap,
  visitor,
  waitFor,
} from "./actors.ts";

afterAll(() => database.end());

type Desk = Record<"customer" | "stranger" | "ines" | "otto" | "admin", Actor>;
type Name = keyof Desk;

/** What there is, as the test knows it: who is to read what follows from it. */
type Known = {
  author: Name;
  agent: Name | null;
  notes: number;
  messages: number;
  hasHistory: boolean;
};

let desk: Desk;
const known = new Map<string, Known>();

beforeAll(async () => {
  const [customer, stranger, ines, otto, admin] = await Promise.all([
    signUp("Carla Customer"),
    signUp("Sam Stranger"),
    signUp("Ines"),
    signUp("Otto"),
    demo("admin"),
  ]);
  desk = { customer, stranger, ines, otto, admin };
  for (const agent of [ines, otto]) {
    await admin.client
      .rpc("set_user_role", { user_id: agent.id, role: "customer_service" })
      .throwOnError();
  }
});

/** Whoever may read an inquiry: its author, the agent who has it or all when nobody has, admins. */
function readers({ author, agent }: Known): Name[] {
  const agents: Name[] = agent ? [agent] : ["ines", "otto"];
  return [...new Set<Name>([author, ...agents, "admin"])];
}

/** Looks through every session, by every way that there is, and compares with what it may see. */
async function checkWhatEverybodyReads(): Promise<void> {
  for (const [id, inquiry] of known) {
    for (const name of Object.keys(desk) as Name[]) {
      const reads = readers(inquiry).includes(name);
      const isStaff = reads && name !== inquiry.author;
      const messages = reads ? inquiry.messages + (isStaff ? inquiry.notes : 0) : 0;
      expect({ name, id, ...(await whatIsSeen(desk[name], id)) }).toEqual({
        ...{ name, id, inquiries: reads ? 1 : 0, embedded: reads ? messages : null },
        ...{ messages, counted: messages, notes: isStaff ? inquiry.notes : 0 },
        ...{ said: isStaff ? inquiry.notes : 0, history: isStaff && inquiry.hasHistory },
      });
    }
  }
  for (const table of ["inquiries", "inquiry_messages", "inquiry_events"] as const) {
    expect((await visitor().from(table).select()).status).toBe(401);
  }
}

async function whatIsSeen({ client }: Actor, id: string) {
  const messages = () => client.from("inquiry_messages");
  const [inquiries, embedded, own, counted, notes, said, history] = await Promise.all([
    client.from("inquiries").select("id").eq("id", id),
    client.from("inquiries").select("inquiry_messages(id)").eq("id", id).maybeSingle(),
    messages().select("id").eq("inquiry_id", id),
    messages().select("*", { count: "exact", head: true }).eq("inquiry_id", id),
    messages().select("id").eq("inquiry_id", id).eq("internal", true),
    messages().select("id").eq("inquiry_id", id).like("body", "%between us%"),
    client.from("inquiry_events").select("id").eq("inquiry_id", id),
  ]);
  return {
    inquiries: unwrap(inquiries).length,
    embedded: embedded.data?.inquiry_messages.length ?? null,
    messages: unwrap(own).length,
    counted: counted.count,
    notes: unwrap(notes).length,
    said: unwrap(said).length,
    history: unwrap(history).length > 0,
  };
}

async function ask(name: Name, subject: string, severity: "normal" | "high" | "urgent" = "normal") {
  const inquiry = unwrap(
    await desk[name].client
      .from("inquiries")
      .insert({ subject, message: `${subject}? Please tell me.`, severity })
      .select()
      .single(),
  );
  known.set(inquiry.id, { author: name, agent: null, notes: 0, messages: 0, hasHistory: false });
  return inquiry;
}

async function say(name: Name, id: string, body: string, internal = false) {
  const { client, id: author_id } = desk[name];
  const said = unwrap(
    await client
      .from("inquiry_messages")
      .insert({ inquiry_id: id, body, internal, author_id, author_role: "admin" })
      .select()
      .single(),
  );
  known.get(id)![internal ? "notes" : "messages"]++;
  return said;
}

/** An answer in short: its status and the code of a refusal, or how many rows were changed. */
async function assign(name: Name, id: string, agent: Name | null) {
  const { data, error, status } = await desk[name].client
    .from("inquiries")
    .update({ assigned_to: agent && desk[agent].id })
    .eq("id", id)
    .select();
  if (data?.length) Object.assign(known.get(id)!, { agent, hasHistory: true });
  return error ? { status, code: error.hint, message: error.message } : data.length;
}

/** What waits for more messages is written and sent now. */
async function sendWaitingMails(): Promise<void> {
  await database`
    update private.jobs set run_at = now() where kind = 'mail_inquiry_messages' and state = 'queued'`;
  await call("jobs", {}, { apikey: stack.secretKey });
}

test("a day at the desk", async () => {
  const { customer, ines, otto, admin } = desk;

  // Morning: a question comes in.
  const key = await ask("customer", "Where is the key", "high");
  expect(key).toMatchObject({ user_id: customer.id, status: "active", assigned_to: null });
  expect(Date.parse(key.due_at!) - Date.parse(key.created_at)).toBe(24 * 3_600_000);
  const received = await mailTo(customer.email, /Where is the key/);
  expect(received.text).toContain(`/inquiries/${key.id}`);
  await checkWhatEverybodyReads();

  // Both agents take it at once.
  const answers = await Promise.all([
    assign("ines", key.id, "ines"),
    assign("otto", key.id, "otto"),
  ]);
  const [winner, loser] =
    answers[0] === 1 ? (["ines", "otto"] as const) : (["otto", "ines"] as const);
  known.get(key.id)!.agent = winner;
  expect(answers).toContain(1);
  expect(answers).toContainEqual({
    status: 409,
    code: "already_assigned",
    message: `${winner === "ines" ? "Ines" : "Otto"} has this inquiry already.`,
  });
  expect((await mailTo(desk[winner].email, /Assigned to you/)).text).toContain("Carla Customer");
  await checkWhatEverybodyReads();
  expect(await assign(loser, key.id, null)).toMatchObject({ status: 409 });

  // A note, an answer, and the thread as both sides see it.
  await say(winner, key.id, "She asks every year, between us.", true);
  await checkWhatEverybodyReads();
  const answer = await say(winner, key.id, "Under the blue mat.");
  expect(answer).toMatchObject({ author_id: desk[winner].id, author_role: "customer_service" });
  await say(winner, key.id, "The one beside the door.");
  await checkWhatEverybodyReads();
  const thread = unwrap(
    await customer.client
      .from("inquiries")
      .select(
        "subject, status, due_at, author:profiles!user_id(name), agent:profiles!assigned_to(name), inquiry_messages(body, author_role, author:profiles!author_id(name))",
      )
      .eq("id", key.id)
      .order("created_at", { referencedTable: "inquiry_messages" })
      .single(),
  );
  const name = winner === "ines" ? "Ines" : "Otto";
  expect(thread).toEqual({
    ...{ subject: "Where is the key", status: "pending", due_at: null },
    ...{ author: { name: "Carla Customer" }, agent: { name } },
    inquiry_messages: ["Under the blue mat.", "The one beside the door."].map((body) => ({
      ...{ body, author_role: "customer_service", author: { name } },
    })),
  });

  // Two messages, one mail, and no note in it.
  await sendWaitingMails();
  const reply = await mailTo(customer.email, /Answer to your inquiry/);
  expect(reply.text).toMatch(/beside the door[\s\S]*blue mat[\s\S]*Please tell me/);
  expect(JSON.stringify(reply)).not.toContain("between us");

  // She answers, and says that she is somebody else.
  const thanks = await say("customer", key.id, "There are two blue mats.");
  expect(thanks).toMatchObject({ author_id: customer.id, author_role: "user" });
  await sendWaitingMails();
  expect((await mailTo(desk[winner].email, /New message/)).text).toContain("two blue mats");
  await checkWhatEverybodyReads();

  // Noon: the admin gives it to the other one, who has it from then on.
  expect(await assign("admin", key.id, loser)).toBe(1);
  await checkWhatEverybodyReads();
  expect(await assign(winner, key.id, winner)).toBe(0);
  expect(await assign("admin", key.id, "stranger")).toMatchObject({
    ...{ status: 400, code: "not_an_agent" },
  });

  // Resolved, rated, reopened by a word.
  const resolve = { status: "resolved" as const };
  await desk[loser].client.from("inquiries").update(resolve).eq("id", key.id).throwOnError();
  const again = await desk[loser].client.from("inquiries").update(resolve).eq("id", key.id);
  expect([again.status, again.error?.hint]).toEqual([409, "invalid_transition"]);
  const rated = unwrap(
    await customer.client.rpc("rate_inquiry", { inquiry_id: key.id, rating: 5, comment: "Quick" }),
  );
  expect(rated).toMatchObject({ rating: 5, rating_comment: "Quick" });
  await say("customer", key.id, "Now the door is stuck.");
  const reopened = unwrap(
    await customer.client.from("inquiries").select().eq("id", key.id).single(),
  );
  expect(reopened).toMatchObject({ status: "active", resolved_at: null });
  await checkWhatEverybodyReads();

  // Afternoon: the other one leaves the desk, and what they had is there for all.
  const role = { user_id: desk[loser].id, role: "user" as const };
  await admin.client.rpc("set_user_role", role).throwOnError();
  known.get(key.id)!.agent = null;
  expect(unwrap(await desk[loser].client.from("inquiries").select())).toEqual([]);
  expect((await desk[loser].client.rpc("inquiry_queue")).status).toBe(403);
  await admin.client.rpc("set_user_role", { ...role, role: "customer_service" }).throwOnError();
  await checkWhatEverybodyReads();

  // Evening: the queue in its order, page by page.
  const leak = await ask("stranger", "There is a leak", "urgent");
  const noise = await ask("customer", "The neighbours");
  await checkWhatEverybodyReads();
  await database`update public.inquiries set due_at = now() - interval '1 hour' where id = ${noise.id}`;
  for (const agent of [ines, otto]) {
    const order = [];
    for (let page_cursor: string | undefined; ; ) {
      const page = unwrap(
        await agent.client.rpc("inquiry_queue", {
          page_size: 1,
          ...(page_cursor && { page_cursor }),
        }),
      );
      if (!page[0]) break;
      order.push(page[0].id!);
      page_cursor = page[0].page_cursor!;
    }
    expect(order.filter((id) => known.has(id))).toEqual([noise.id, leak.id, key.id]);
  }
  expect((await customer.client.rpc("inquiry_queue")).status).toBe(403);
  const agents = unwrap(await otto.client.rpc("list_agents"));
  expect(agents.find(({ id }) => id === otto.id)).toEqual({
    ...{ id: otto.id, name: "Otto", email: otto.email, open_inquiries: 0 },
  });

  // Night: the admins hear of what nobody answered.
  await database`select private.escalate_due_inquiries()`;
  known.get(noise.id)!.hasHistory = true;
  const overdue = await waitFor("the mail about what is overdue", async () =>
    (await allMails()).find(
      ({ subject, text }) => /^Overdue/.test(subject) && text.includes(noise.id),
    ),
  );
  expect(overdue.text).toContain("Carla Customer");

  const period = { from_date: inDays(-1), to_date: inDays(2) };
  const figures = unwrap(await admin.client.rpc("inquiry_stats", period));
  expect(figures.find(({ grouped_by }) => grouped_by === "all")!.opened).toBeGreaterThanOrEqual(3);

  const history = unwrap(
    await admin.client
      .from("inquiry_events")
      .select("change, to_value, actor:profiles!actor_id(name)")
      .eq("inquiry_id", key.id)
      .order("created_at"),
  );
  expect(history.map(({ change, actor }) => `${change} ${actor?.name}`)).toEqual([
    ...[`assigned_to ${name}`, `status ${name}`],
    ...[`assigned_to ${adminName(history)}`],
    ...[`status ${winner === "ines" ? "Otto" : "Ines"}`, "rating Carla Customer"],
    ...["status Carla Customer", `assigned_to ${adminName(history)}`],
  ]);
});

test("what clients may not write is refused by name", async () => {
  const { customer, stranger } = desk;
  const inquiry = await ask("customer", "Towels");
  const on = (actor: Actor) => actor.client.from("inquiries");
  const answers = await Promise.all([
    on(customer).insert({ subject: "x", message: "x", user_id: stranger.id }),
    on(customer).insert({ subject: "x", message: "x", status: "resolved" }),
    on(customer).update({ severity: "urgent" }).eq("id", inquiry.id),
    on(customer).update({ status: "pending" }).eq("id", inquiry.id),
    on(customer).update({ assigned_to: desk.ines.id }).eq("id", inquiry.id),
    on(customer).update({ due_at: null }).eq("id", inquiry.id),
    on(customer).delete().eq("id", inquiry.id),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));

  const body = { inquiry_id: inquiry.id, body: "x" };
  const note = await customer.client.from("inquiry_messages").insert({ ...body, internal: true });
  const others = await stranger.client.from("inquiry_messages").insert(body);
  const untaken = await desk.ines.client.from("inquiry_messages").insert(body);
  expect([note.status, others.status, untaken.status]).toEqual([403, 404, 403]);
  const stolen = await on(stranger).update({ status: "resolved" }).eq("id", inquiry.id).select();
  expect(unwrap(stolen)).toEqual([]);
  await checkWhatEverybodyReads();
});

test("the eleventh inquiry within an hour is one too many, also all at once", async () => {
  const flooder = await signUp("Flo");
  const answers = await Promise.all(
    Array.from({ length: 12 }, () =>
      flooder.client.from("inquiries").insert({ subject: "x", message: "x" }),
    ),
  );
  const refused = answers.filter(({ error }) => error);
  expect(refused.map(({ status, error }) => [status, error!.hint])).toEqual([
    [429, "too_many_requests"],
    [429, "too_many_requests"],
  ]);
});

test("a visitor writes, confirms the address, is answered, and has it all after signing up", async () => {
  const { admin, stranger } = desk;
  const contact = network();
  const address = `${crypto.randomUUID()}@visitors.test`;
  const subject = `A garden ${crypto.randomUUID()}`;
  const letter = { name: "Vera Visitor", address, subject, message: "Is there one?" };
  const find = (actor: Actor) =>
    actor.client.from("inquiries").select("id, user_id, visitor_name").eq("subject", subject);

  const sent = await contact(letter);
  expect([sent.status, sent.body]).toEqual([202, { status: "confirmation_sent" }]);
  expect(unwrap(await find(admin))).toEqual([]);
  const token = tokenIn(await mailTo(address, /confirm/));
  expect((await contact({ token: "0".repeat(64) })).status).toBe(404);
  for (const _ of ["clicked", "clicked twice"]) {
    const confirmed = await contact({ token });
    expect([confirmed.status, confirmed.body]).toEqual([200, { status: "confirmed" }]);
  }

  const [inquiry] = unwrap(await find(admin));
  expect(inquiry).toMatchObject({ user_id: null, visitor_name: "Vera Visitor" });
  expect(unwrap(await find(stranger))).toEqual([]);
  await admin.client
    .from("inquiry_messages")
    .insert({ inquiry_id: inquiry!.id, body: "A small one." })
    .throwOnError();
  await sendWaitingMails();
  expect((await mailTo(address, /Answer to your inquiry/)).text).toContain("A small one.");

  const { data } = await visitor().auth.signUp({ email: address, password: "a-long-password-7" });
  const vera = visitor();
  await vera.auth.setSession(data.session!);
  const [own] = unwrap(
    await vera.from("inquiries").select("id, user_id, visitor_name, inquiry_messages(body)"),
  );
  expect(own).toEqual({
    ...{ id: inquiry!.id, user_id: data.user!.id, visitor_name: null },
    inquiry_messages: [{ body: "A small one." }],
  });
});

test("a visitor who writes nonsense or too often is told so", async () => {
  const contact = network();
  const address = `${crypto.randomUUID()}@visitors.test`;
  const letter = { name: "Vera", address, subject: "Garden", message: "Is there one?" };
  for (const wrong of [
    ...[{ name: "" }, { name: "a\nb" }, { address: "nobody" }, { subject: "x".repeat(256) }],
    { name: "\u200e\ufeff" },
    ...[
      { message: " \n" },
      { message: "\0" },
      { message: "x".repeat(10_001) },
      { severity: "urgent" },
    ],
    { token: "0".repeat(64) },
  ]) {
    const answer = await contact({ ...letter, ...wrong });
    expect([answer.status, answer.body.error.code]).toEqual([400, "invalid_body"]);
  }
  const answers = await Promise.all([1, 2, 3, 4].map(() => contact(letter)));
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 202, 429]);
  const refused = answers.find(({ status }) => status === 429)!;
  expect(refused.body.error.code).toBe("too_many_requests");
});

function adminName(history: { actor: { name: string } | null }[]): string | undefined {
  return history[2]?.actor?.name;
}

function tokenIn(mail: Mail): string {
  return /token=([0-9a-f]{64})/.exec(mail.text)![1]!;
}

/** Calls the function `contact` from a network of one's own, as Cloudflare would say it. */
function network(): (body: object) => ReturnType<typeof call> {
  const groups = [1, 2].map(() => randomInt(0x10000).toString(16));
  const headers = { "cf-connecting-ip": `2001:db8:${groups.join(":")}::1` };
  return (body) => call("contact", body, headers);
}

async function allMails(): Promise<Mail[]> {
  return await (await fetch(`${stack.mailbox}/email`)).json();
}
