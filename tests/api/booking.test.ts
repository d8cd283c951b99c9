import { createHash } from "node:crypto";
import { extractText, getDocumentProxy } from "unpdf";
import { afterAll, expect, test } from "vitest";
import {
  type Actor,
  call,
  database,
  inDays,
  list,
  mailsTo,
  mailTo,
  service,
  signUp,
  stack,
  stripe,
  unwrap,
  visitor,
  waitFor,
} from "./actors.ts";
import { checkout } from "./stays.ts";

afterAll(() => database.end());

async function statusOf(guest: Actor, reservationId: string) {
  const { data } = await guest.client
    .from("reservations")
    .select("status, payments(status, amount, amount_refunded)")
    .eq("id", reservationId)
    .single();
  return data;
}

/** Somebody's stay, paid and confirmed, with its invoice. */
async function book(host: Actor, guest: Actor, days = 20) {
  const property = await list(host, { title: `House ${crypto.randomUUID()}` });
  const session = await checkout(guest, {
    property_id: property.id,
    check_in: inDays(days),
    check_out: inDays(days + 3),
    guests: 2,
  });
  await stripe(`sessions/${session.session_id}/pay`);
  const invoice = await waitFor("the invoice", async () => {
    const { data } = await guest.client
      .from("invoices")
      .select()
      .eq("reservation_id", session.reservation_id)
      .not("pdf_path", "is", null)
      .maybeSingle();
    return data ?? undefined;
  });
  return { property, session, invoice };
}

test("from sign-up to the invoice in the mailbox", async () => {
  const host = await signUp("Áine Ní Dhálaigh");
  const property = await list(host, { title: "Στέγη by the sea", city: "Dingle" });

  const found = unwrap(
    await visitor().rpc("search_properties", {
      query: "στεγη",
      check_in: inDays(30),
      check_out: inDays(33),
      guests: 2,
    }),
  );
  expect(found.map((row) => row.id)).toContain(property.id);

  const guest = await signUp("Наталья Петрова");
  const quote = unwrap(
    await visitor().rpc("quote_stay", {
      property_id: property.id,
      check_in: inDays(30),
      check_out: inDays(33),
      guests: 2,
    }),
  );
  expect(quote).toEqual({
    nights: 3,
    price_per_night: 12345,
    subtotal: 37035,
    service_fee: 1852,
    total: 38887,
    currency: "usd",
    available: true,
  });

  const held = unwrap(
    await guest.client.rpc("reserve", {
      property_id: property.id,
      check_in: inDays(30),
      check_out: inDays(33),
      guests: 2,
    }),
  );
  expect(held).toMatchObject({ status: "held", total: 38887, guest_id: guest.id });

  const session = await checkout(guest, { reservation_id: held.id });
  expect(session.reservation_id).toBe(held.id);
  expect(await checkout(guest, { reservation_id: held.id })).toEqual(session);
  expect((await statusOf(guest, held.id!))?.status).toBe("held");

  const page = await (await fetch(session.url)).text();
  expect(page).toContain("388.87");

  await stripe(`sessions/${session.session_id}/pay?name=${encodeURIComponent("Наталья Петрова")}`);
  expect(await statusOf(guest, held.id!)).toMatchObject({
    status: "confirmed",
    payments: [{ status: "paid", amount: 38887, amount_refunded: 0 }],
  });

  const mail = await mailTo(guest.email, /./);
  expect(mail.text).toContain("Στέγη by the sea");
  expect(mail.html).toContain("Στέγη by the sea");
  expect(mail.attachments).toHaveLength(1);
  const attachment = mail.attachments![0]!;
  expect(attachment.contentType).toBe("application/pdf");

  const bytes = new Uint8Array(
    await (
      await fetch(`${stack.mailbox}/email/${mail.id}/attachment/${attachment.generatedFileName}`)
    ).arrayBuffer(),
  );
  const pdf = await getDocumentProxy(bytes.slice());
  const { text } = await extractText(pdf, { mergePages: true });
  const invoice = unwrap(await guest.client.from("invoices").select().single());
  for (const fact of [invoice.number, "Στέγη by the sea", "Наталья Петрова", "388.87"]) {
    expect(text).toContain(fact);
  }
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(invoice.pdf_sha256);

  const signed = unwrap(
    await guest.client.storage.from("invoices").createSignedUrl(invoice.pdf_path!, 60),
  );
  const stored = new Uint8Array(await (await fetch(signed.signedUrl)).arrayBuffer());
  expect(Buffer.compare(stored, bytes)).toBe(0);

  const news = await mailTo(host.email, /book/i);
  expect(news.text).toContain("Наталья Петрова");
});

test("a webhook delivered five times, three of them at once, counts once", async () => {
  const host = await signUp("Host");
  const guest = await signUp("Guest");
  const property = await list(host);
  const session = await checkout(guest, {
    property_id: property.id,
    check_in: inDays(40),
    check_out: inDays(42),
    guests: 1,
  });
  await stripe(`sessions/${session.session_id}/pay?deliver=0`);
  expect((await statusOf(guest, session.reservation_id))?.status).toBe("held");

  const events = (await (await fetch(`${stack.stripe}/_test/events`)).json()) as {
    data: { id: string; type: string; data: { object: { id: string } } }[];
  };
  const event = events.data.find(
    ({ type, data }) =>
      type === "checkout.session.completed" && data.object.id === session.session_id,
  )!;
  const deliver = () => stripe(`events/${event.id}/deliver`);
  await Promise.all([deliver(), deliver(), deliver()]);
  await deliver();
  await deliver();

  await mailTo(guest.email, /./);
  const [counts] = await database`
    select
      (select count(*)::int from public.payments where reservation_id = ${session.reservation_id}) as payments,
      (select count(*)::int from public.invoices where reservation_id = ${session.reservation_id}) as invoices,
      (select count(*)::int from private.mails
       where template = 'booking_confirmed' and to_address = ${guest.email}) as mails`;
  expect(counts).toEqual({ payments: 1, invoices: 1, mails: 1 });
  expect(await mailsTo(guest.email)).toHaveLength(1);
});

test("two guests who hold the same night at the same moment, a hundred times over", async () => {
  const host = await signUp("Host");
  const property = await list(host);
  const [one, other] = await Promise.all([signUp("One"), signUp("Other")]);
  for (let round = 0; round < 100; round++) {
    const stay = {
      property_id: property.id,
      check_in: inDays(10 + round),
      check_out: inDays(11 + round),
      guests: 1,
    };
    const answers = await Promise.all(
      [one, other].map(({ client }) => client.rpc("reserve", stay)),
    );
    const won = answers.filter(({ error }) => !error);
    expect(won).toHaveLength(1);
    const lost = answers.find(({ error }) => error)!;
    expect([lost.status, lost.error!.hint]).toEqual([409, "dates_unavailable"]);
    const winner = answers[0]!.error ? other : one;
    unwrap(await winner.client.rpc("release_hold", { reservation_id: won[0]!.data!.id! }));
  }
});

test("a cancellation gives the money back and brings a credit note", async () => {
  const [host, guest] = await Promise.all([signUp("Host"), signUp("Guest")]);
  const { session, invoice } = await book(host, guest, 5);

  const preview = unwrap(
    await guest.client.rpc("preview_cancellation", { reservation_id: session.reservation_id }),
  );
  expect(preview).toEqual({ refund_amount: Math.ceil(invoice.total / 2), currency: "usd" });
  const cancelled = unwrap(
    await guest.client.rpc("cancel_reservation", { reservation_id: session.reservation_id }),
  );
  expect(cancelled).toMatchObject({ status: "cancelled", refund_amount: preview.refund_amount });

  const note = await waitFor("the credit note", async () => {
    const { data } = await guest.client
      .from("invoices")
      .select()
      .eq("corrects_id", invoice.id)
      .not("pdf_path", "is", null)
      .maybeSingle();
    return data ?? undefined;
  });
  expect(note).toMatchObject({ kind: "credit_note", total: preview.refund_amount });
  expect(await statusOf(guest, session.reservation_id)).toMatchObject({
    payments: [{ status: "partially_refunded", amount_refunded: preview.refund_amount }],
  });
  expect((await mailTo(guest.email, /cancel/i)).text).toContain("credit note follows");
  const mail = await mailTo(guest.email, /refund/i);
  expect(mail.attachments?.map(({ filename }) => filename)).toEqual([`${note.number}.pdf`]);
  await mailTo(host.email, /cancel/i);
});

test("a guest who gives the hold back can no longer pay for it", async () => {
  const [host, guest] = await Promise.all([signUp("Host"), signUp("Guest")]);
  const property = await list(host);
  const session = await checkout(guest, {
    property_id: property.id,
    check_in: inDays(60),
    check_out: inDays(61),
    guests: 1,
  });
  unwrap(await guest.client.rpc("release_hold", { reservation_id: session.reservation_id }));
  await waitFor("the session to close", async () => {
    const page = await (await fetch(session.url)).text();
    return /expired/i.test(page) || undefined;
  });
});

test("Stripe out of reach is a clean refusal, and the hold stays", async () => {
  const [host, guest] = await Promise.all([signUp("Host"), signUp("Guest")]);
  const property = await list(host);
  const held = unwrap(
    await guest.client.rpc("reserve", {
      property_id: property.id,
      check_in: inDays(70),
      check_out: inDays(71),
      guests: 1,
    }),
  );
  await stripe("outage?seconds=60");
  try {
    const answer = await call(
      "checkout",
      { reservation_id: held.id },
      { authorization: `Bearer ${guest.token}` },
    );
    expect(answer.status).toBe(502);
    expect(answer.body.error.code).toBe("payment_provider_unavailable");
    expect((await statusOf(guest, held.id!))?.status).toBe("held");
  } finally {
    await stripe("outage?seconds=0");
  }
  const session = await checkout(guest, { reservation_id: held.id });
  expect(session.url).toContain(stack.stripe);
});

test("what checkout refuses, it refuses with a sentence", async () => {
  const guest = await signUp("Guest");
  const authorization = `Bearer ${guest.token}`;
  const ask = async (body: unknown, headers: Record<string, string> = { authorization }) => {
    const answer = await call("checkout", body, headers);
    expect(answer.body.error.message).toMatch(/^[A-Z].+\.$/s);
    return [answer.status, answer.body.error.code];
  };
  expect(await ask({ reservation_id: crypto.randomUUID() })).toEqual([404, "not_found"]);
  expect(await ask({ reservation_id: crypto.randomUUID(), amount: 1 })).toEqual([
    400,
    "invalid_body",
  ]);
  expect(await ask({ reservation_id: "1" })).toEqual([400, "invalid_body"]);
  expect(await ask("{")).toEqual([400, "invalid_json"]);
  const stay = {
    property_id: crypto.randomUUID(),
    check_in: inDays(1),
    check_out: inDays(2),
    guests: 1,
  };
  expect(await ask(stay)).toEqual([404, "not_found"]);
  expect(await ask({ ...stay, check_out: inDays(-1) })).toEqual([400, "invalid_dates"]);
});

test("functions are called by those who may", async () => {
  const guest = await signUp("Guest");
  const user = { authorization: `Bearer ${guest.token}` };
  expect((await call("checkout", {})).status).toBe(401);
  expect((await call("jobs", {})).status).toBe(401);
  expect((await call("jobs", {}, user)).status).toBe(401);
  const worked = await call("jobs", {}, { apikey: stack.secretKey });
  expect(worked.status).toBe(200);
  expect(worked.body).toEqual({
    done: expect.any(Number),
    failed: expect.any(Number),
    remaining: expect.any(Number),
  });

  const unsigned = await call("stripe-webhook", { id: "evt_1", type: "x" });
  expect([unsigned.status, unsigned.body.error.code]).toEqual([400, "missing_signature"]);
  const forged = await call(
    "stripe-webhook",
    { id: "evt_1", type: "x" },
    {
      "stripe-signature": `t=${Math.floor(Date.now() / 1000)},v1=${"0".repeat(64)}`,
    },
  );
  expect([forged.status, forged.body.error.code]).toEqual([400, "invalid_signature"]);
});

test("nobody reads another's booking, payment or invoice", async () => {
  const [host, guest, stranger] = await Promise.all([
    signUp("Host"),
    signUp("Guest"),
    signUp("Stranger"),
  ]);
  const { session, invoice } = await book(host, guest);
  for (const table of ["reservations", "payments", "invoices"] as const) {
    expect(unwrap(await stranger.client.from(table).select())).toEqual([]);
    expect((await visitor().from(table).select()).status).toBe(401);
  }
  expect(unwrap(await host.client.from("payments").select())).toEqual([]);
  expect(unwrap(await host.client.from("reservations").select("id"))).toEqual([
    { id: session.reservation_id },
  ]);
  const peek = await stranger.client.storage
    .from("invoices")
    .createSignedUrl(invoice.pdf_path!, 60);
  expect(peek.error).not.toBeNull();
  expect(
    (await stranger.client.storage.from("invoices").download(invoice.pdf_path!)).error,
  ).not.toBeNull();
  const open = await fetch(`${stack.api}/storage/v1/object/public/invoices/${invoice.pdf_path}`);
  expect(open.ok).toBe(false);
  expect(unwrap(await service().from("invoices").select("id").eq("id", invoice.id))).toHaveLength(
    1,
  );
});
