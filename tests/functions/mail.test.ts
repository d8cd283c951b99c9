import { createServer, type Server, type Socket } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterEach, describe, expect, it } from "vitest";
import { MailError, renderMail, topicOf } from "../../supabase/functions/_shared/mail/render.ts";
import {
  createMailer,
  type Mail,
  type Mailer,
  messageIdOf,
} from "../../supabase/functions/_shared/mail/send.ts";
import { templates } from "../../supabase/functions/_shared/mail/templates/index.ts";
import { filledWith, HOSTILE, INVISIBLE, SCRIPTS, samples } from "../mails/samples.ts";

const context = { siteUrl: "https://djanobnb.test/" };

function propsOf(template: string, variant = "") {
  return samples.find((one) => one.template === template && one.variant === variant)!.props;
}

const render = (template: string, props: unknown = propsOf(template)) =>
  renderMail(template, props, context);

describe("every template", () => {
  it("has a sample", () => {
    expect(new Set(samples.map(({ template }) => template))).toEqual(
      new Set(Object.keys(templates)),
    );
    const names = samples.map(({ template, variant }) => `${template} ${variant}`);
    expect(names).toEqual([...new Set(names)]);
  });

  it.each(samples)("$template $variant is rendered", async ({ template, props }) => {
    const { subject, html, text } = await render(template, props);
    expect(subject).toMatch(/^[^\r\n]{5,150}$/u);
    expect(html).toContain("<!DOCTYPE html");
    expect(text).toContain("You get this mail because");
    expect(html).not.toContain("undefined");
    expect(text).not.toContain("undefined");
    expect(html.length).toBeLessThan(100_000);
    for (const line of text.split("\n").filter((line) => !/\S{50}/.test(line))) {
      expect(line.length, line).toBeLessThanOrEqual(78);
    }
  });

  it.each(filledWith(HOSTILE, "hostile"))("$template keeps markup as text", async (sample) => {
    const { html, text } = await render(sample.template, sample.props);
    expect(html).not.toMatch(/<script|href="https:\/\/evil/);
    if (html.includes("evil.test")) {
      expect(html).toContain("&lt;a href=");
      expect(text.replace(/\s+/g, " ").replaceAll("> ", ">")).toContain('<a href="https://evil');
    }
  });

  it.each(filledWith(SCRIPTS, "scripts"))("$template speaks all scripts", async (sample) => {
    const { html, text } = await render(sample.template, sample.props);
    if (JSON.stringify(sample.props).includes("Москва")) {
      expect(html).toContain("Москва");
      expect(text).toContain("Москва");
    }
  });

  it.each(filledWith(INVISIBLE, "invisible"))(
    "$template goes out, though nothing can be seen of what somebody is called",
    async (sample) => {
      const { subject, text } = await render(sample.template, sample.props);
      expect(subject + text).not.toMatch(/[\u200e\u200f\ufeff]/);
      expect(text).not.toContain("Hello ,");
    },
  );

  it.each(Object.keys(templates))("%s links to the site alone", async (template) => {
    const sample = samples.find((one) => one.template === template)!;
    const { html } = await render(template, sample.props);
    for (const [, href] of html.matchAll(/href="([^"]*)"/g)) {
      expect(href).toMatch(/^https:\/\/djanobnb\.test\//);
    }
  });
});

describe("what mails say", () => {
  it("tells the guest dates and money in words", async () => {
    const { subject, text } = await render("booking_confirmed");
    expect(subject).toBe("Your stay in Lisbon is confirmed");
    for (const fact of [
      "Friday, 4 December 2026",
      "Monday, 7 December 2026",
      "3 nights, 2 guests",
      "$393.75",
      "Invoice 2026-000001",
      "https://djanobnb.test/trips/0b6e7a1c-53a8-4c4e-9f5e-6a0d6c1f2b11",
    ]) {
      expect(text).toContain(fact);
    }
  });

  it("tells a guest and a host of one cancellation what concerns them", async () => {
    const props = propsOf("reservation_cancelled", "by the guest, to the guest");
    const guest = await render("reservation_cancelled", props);
    expect(guest.text).toContain("You cancelled this stay. $196.88 goes back");
    expect(guest.text).toContain("A credit note follows");
    const disputed = await render("reservation_cancelled", { ...props, is_disputed: true });
    expect(disputed.text).toMatch(/your\s+bank\s+decides\s+about\s+the\s+money/);
    expect(disputed.text).not.toContain("$196.88");
    const host = await render("reservation_cancelled", { ...props, audience: "host" });
    expect(host.text).toContain("Your guest cancelled this stay.");
    expect(host.text).toContain("/hosting/reservations/");
  });

  it("counts what the report does not list", async () => {
    const { text } = await render("daily_report", propsOf("daily_report", "with more than fit"));
    expect(text).toContain("These are 200 of 1,234");
    expect(text).toContain("$12,345.50");
    const quiet = await render("daily_report", propsOf("daily_report", "of a quiet day"));
    expect(quiet.text).toContain("Nobody added a listing on this day.");
    expect(quiet.text).toMatch(/Turnover\s+0\n/);
    expect(quiet.text).toContain("Daily report, Thursday, 19 November 2026");
  });

  it("quotes messages with their lines, the newest first", async () => {
    const { text } = await render("inquiry_reply");
    expect(text).toContain("> Ines from Djanobnb, 20 November 2026 at 14:05 UTC");
    expect(text.indexOf("Good news")).toBeLessThan(text.indexOf("We land at eleven"));
    expect(text).toMatch(/> before check-in\.\n>\n> Is there anything else/);
  });

  it("shortens a subject, and keeps it on one line", async () => {
    const props = {
      ...propsOf("inquiry_reply"),
      subject: `a\r\nBcc: x@evil.test\u202e${"é".repeat(300)}`,
    };
    const { subject } = await render("inquiry_reply", props);
    expect(subject).toMatch(/^Answer to your inquiry: a Bcc: x@evil\.testé+…$/);
    expect([...subject]).toHaveLength(150);
  });
});

describe("unsubscribing", () => {
  const unsubscribeUrl = "https://api.test/unsubscribe?token=abc&more=<x>";
  const withLink = (template: string) =>
    renderMail(template, propsOf(template), { ...context, unsubscribeUrl });

  it.each(["property_created", "property_archived", "daily_report"])(
    "%s says how, below everything else",
    async (template) => {
      const { html, text } = await withLink(template);
      expect(html).toContain('href="https://api.test/unsubscribe?token=abc&amp;more=&lt;x&gt;"');
      expect(text).toMatch(/\nUnsubscribe from [\w ]+\s+https:\/\/api\.test\/unsubscribe\S+$/);
    },
  );

  it("is not offered in a mail that its reader needs", async () => {
    const essential = Object.keys(templates).filter((name) => !topicOf(name));
    expect(essential).toHaveLength(13);
    for (const template of essential) {
      const { props } = samples.find((one) => one.template === template)!;
      const { html } = await renderMail(template, props, { ...context, unsubscribeUrl });
      expect(html).not.toContain("nsubscribe");
    }
  });
});

describe("what cannot be rendered", () => {
  it("says which template is unknown", async () => {
    await expect(render("toString", {})).rejects.toThrow(MailError);
    await expect(render("nonsense", {})).rejects.toThrow('no mail template "nonsense"');
  });

  it("says which prop does not fit", async () => {
    const props = { ...propsOf("booking_confirmed"), total: "42", check_in: "tomorrow" };
    await expect(render("booking_confirmed", props)).rejects.toThrow(
      /total[\s\S]*check_in|check_in[\s\S]*total/,
    );
    await expect(render("booking_confirmed", null)).rejects.toThrow(MailError);
  });

  it.each(["https://evil.test/", "//evil.test/", "/\\evil.test", "confirm"])(
    "refuses %s as a path of the site",
    async (confirm_url_path) => {
      const props = { ...propsOf("contact_confirmation"), confirm_url_path };
      await expect(render("contact_confirmation", props)).rejects.toThrow("confirm_url_path");
    },
  );
});

type Received = { from: string; to: string[]; raw: string };

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A mail server that keeps what it gets, with one of its answers changed. */
async function sink(options: SMTPServerOptions = {}) {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        received.push({
          from: session.envelope.mailFrom ? session.envelope.mailFrom.address : "",
          to: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString(),
        });
        done(null, "taken");
      });
    },
    ...options,
  });
  server.on("error", () => {});
  cleanUps.push(() => new Promise<void>((done) => server.close(() => done())));
  const mailer = await connectTo(server.server as Server);
  return { received, mailer };
}

async function connectTo(server: Server, settings: object = {}): Promise<Mailer> {
  const port = await listen(server);
  const mailer = createMailer({
    SMTP_HOST: "127.0.0.1",
    SMTP_PORT: port,
    SMTP_USER: undefined,
    SMTP_PASS: undefined,
    MAIL_FROM: "Djanobnb <hello@djanobnb.test>",
    ...settings,
  });
  cleanUps.push(() => mailer.close());
  return mailer;
}

/** As much SMTP as a mail takes, up to the command at which the line goes dead. */
function speak(socket: Socket, deadAt: string | undefined, changed: object = {}): void {
  const usual = { EHLO: "250 hello", MAIL: "250 ok", RCPT: "250 ok", DATA: "354 go on" };
  const answers = { ...usual, ...changed };
  socket.on("error", () => {});
  socket.write("220 ready\r\n");
  socket.on("data", (data) => {
    const command = data.toString().slice(0, 4) as keyof typeof answers;
    if (deadAt === (answers[command] ? command : "the message")) socket.destroy();
    else socket.write(`${answers[command] ?? "250 taken"}\r\n`);
  });
}

let nextPort = 20_310;
function listen(server: Server): Promise<number> {
  const port = nextPort++;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(port));
  });
}

function mail(changes: Partial<Mail> = {}): Mail {
  return {
    to: { address: "maria@example.com", name: "Maria Silva" },
    subject: "Your stay is confirmed",
    html: "<p>Hello</p>",
    text: "Hello",
    messageId: messageIdOf("0b6e7a1c", "Djanobnb <hello@djanobnb.test>"),
    ...changes,
  };
}

function refuse(code: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode: code });
}

describe("sending", () => {
  it("hands over a whole mail", async () => {
    const { mailer, received } = await sink();
    const result = await mailer.send(
      mail({
        to: { address: "maria@example.com", name: "Мария" },
        attachments: [
          {
            filename: "2026-000001.pdf",
            content: new TextEncoder().encode("%PDF-1.7"),
            contentType: "application/pdf",
          },
        ],
        unsubscribeUrl: "https://djanobnb.test/unsubscribe?token=abc",
      }),
    );
    expect(result).toMatchObject({ ok: true, response: expect.stringContaining("taken") });
    const [{ from, to, raw }] = received as [Received];
    expect([from, to]).toEqual(["hello@djanobnb.test", ["maria@example.com"]]);
    for (const header of [
      "From: Djanobnb <hello@djanobnb.test>",
      "Message-ID: <0b6e7a1c@djanobnb.test>",
      "Auto-Submitted: auto-generated",
      "List-Unsubscribe: <https://djanobnb.test/unsubscribe?token=abc>",
      "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
      "=?UTF-8?",
      "filename=2026-000001.pdf",
      Buffer.from("%PDF-1.7").toString("base64"),
    ]) {
      expect(raw).toContain(header);
    }
  });

  it("leaves out the headers of what cannot be unsubscribed", async () => {
    const { mailer, received } = await sink();
    await mailer.send(mail());
    expect(received[0]!.raw).not.toContain("List-Unsubscribe");
  });

  it("tells refusals that last from those that pass", async () => {
    const answers: Record<string, [number, string]> = {
      "gone@example.com": [550, "5.1.1 No such user"],
      "relay@example.com": [550, "5.7.1 Relaying denied"],
      "busy@example.com": [451, "4.3.0 Try again later"],
      "leaving@example.com": [421, "4.3.2 Shutting down"],
    };
    const { mailer, received } = await sink({
      onRcptTo({ address }, _session, done) {
        const answer = answers[address];
        done(answer ? refuse(...answer) : null);
      },
    });
    const to = (address: string) => mailer.send(mail({ to: { address } }));
    expect(await to("gone@example.com")).toMatchObject({
      ok: false,
      permanent: true,
      recipientRefused: true,
      response: expect.stringContaining("No such user"),
    });
    expect(await to("relay@example.com")).toMatchObject({
      permanent: true,
      recipientRefused: false,
    });
    expect(await to("busy@example.com")).toMatchObject({ permanent: false });
    expect(await to("leaving@example.com")).toMatchObject({ permanent: false });
    expect(await to("maria@example.com")).toMatchObject({ ok: true });
    expect(received).toHaveLength(1);
  });

  it.each([
    ["550 5.1.1 The account does not exist", true],
    ["550-5.1.1 The account that you tried to reach does not exist.\r\n550 5.1.1 Learn more", true],
    ["550 #5.1.1 Bad recipient", true],
    ["553 5.1.3 This is no address of ours", true],
    ["551 5.1.6 Has moved away", true],
    ["556 5.1.10 The domain takes no mail", true],
    ["550 No such user here", true],
    ["550 sorry, no mailbox here by that name", true],
    ["550 User unknown in virtual mailbox table", true],
    ["551 Unknown recipient", true],
    ["553 mailbox maria@example.com does not exist", true],
    ["550-5.7.1 Our system has detected unsolicited mail\r\n550 5.7.1 Learn more", false],
    ["550 5.7.1 User unknown to our policy", false],
    ["550 5.1.2 Host or domain name not found", false],
    ["550 5.1.8 Bad sender's address", false],
    ["550 5.2.1 This user gets too much mail", false],
    ["552 5.2.2 Mailbox full", false],
    ["550 5.4.1 Recipient address rejected: Access denied", false],
    ["554 5.1.1.9 is on a list", false],
    ["550 Sender verify failed", false],
    [
      "550-Verification failed for <hello@djanobnb.test>\r\n550-No such user\r\n550 Sender verify failed",
      false,
    ],
    ["550 Requested action not taken: mailbox unavailable", false],
    ["550 Blocked: see https://example.com/5.1.1", false],
    ["554 No such user", false],
  ])("%j is the address's fault: %s", async (answer, recipientRefused) => {
    const server = createServer((socket) => speak(socket, undefined, { RCPT: answer }));
    cleanUps.push(() => new Promise<void>((done) => server.close(() => done())));
    const mailer = await connectTo(server);
    expect(await mailer.send(mail())).toMatchObject({ permanent: true, recipientRefused });
  });

  it("keeps a mail whose content is refused from being tried again", async () => {
    const { mailer } = await sink({
      onData(stream, _session, done) {
        stream.resume().on("end", () => done(refuse(554, "5.6.0 Not like this")));
      },
    });
    expect(await mailer.send(mail())).toMatchObject({ permanent: true, recipientRefused: false });
  });

  it("waits when the server does not take the sender or the password", async () => {
    const sender = await sink({
      onMailFrom: (_address, _session, done) => done(refuse(550, "5.7.1 Sender unknown")),
    });
    expect(await sender.mailer.send(mail())).toMatchObject({ ok: false, permanent: false });

    const server = new SMTPServer({
      disabledCommands: ["STARTTLS"],
      allowInsecureAuth: true,
      onAuth: (_auth, _session, done) => done(new Error("Wrong password")),
    });
    cleanUps.push(() => new Promise<void>((done) => server.close(() => done())));
    const mailer = await connectTo(server.server as Server, {
      SMTP_USER: "me",
      SMTP_PASS: "wrong",
    });
    expect(await mailer.send(mail())).toMatchObject({
      ok: false,
      permanent: false,
      response: expect.stringContaining("Wrong password"),
    });
  });

  it("says that a connection was cut, and sends by a new one afterwards", async () => {
    const cuts = ["EHLO", "RCPT", "DATA", "the message"];
    const server = createServer((socket) => speak(socket, cuts.shift()));
    cleanUps.push(() => new Promise<void>((done) => server.close(() => done())));
    const mailer = await connectTo(server);
    for (const _cut of [...cuts]) {
      expect(await mailer.send(mail())).toMatchObject({ ok: false, permanent: false });
    }
    expect(await mailer.send(mail())).toMatchObject({ ok: true, response: "250 taken" });
  });

  it("does not take a server that is not there for a refusal", async () => {
    const closed = createServer();
    const mailer = await connectTo(closed);
    await new Promise((done) => closed.close(done));
    expect(await mailer.send(mail())).toMatchObject({
      ok: false,
      permanent: false,
      recipientRefused: false,
    });
  });

  it("sends no password, and no mail, over a line without TLS to another machine", async () => {
    const server = new SMTPServer({ authOptional: true, disabledCommands: ["STARTTLS"] });
    server.on("error", () => {});
    cleanUps.push(() => new Promise<void>((done) => server.close(() => done())));
    // The name is this machine's, but not one of those that are known to be.
    const mailer = await connectTo(server.server as Server, { SMTP_HOST: "0.0.0.0" });
    expect(await mailer.send(mail())).toMatchObject({ ok: false, permanent: false });
  });
});

describe("headers that people write", () => {
  it("stay one header each", async () => {
    const { mailer, received } = await sink();
    await mailer.send(
      mail({
        subject: "Hello\r\nBcc: victim@example.com\r\n\r\nbody",
        to: { address: "maria@example.com", name: 'Maria"\r\nBcc: victim@example.com <x@y.z>' },
        attachments: [
          {
            filename: 'a"\r\nX-Evil: yes.pdf',
            content: new Uint8Array([1]),
            contentType: "application/pdf",
          },
        ],
      }),
    );
    const [{ to, raw }] = received as [Received];
    expect(to).toEqual(["maria@example.com"]);
    expect(raw).not.toMatch(/^(Bcc|X-Evil):/im);
  });

  it.each([
    "maria@example.com, victim@example.com",
    "maria@example.com\r\nBcc: victim@example.com",
    "Maria <maria@example.com>",
    "maria",
    "maria@",
    "@example.com",
    "",
    `${"m".repeat(65)}@example.com`,
  ])("%j is no address", async (address) => {
    const { mailer, received } = await sink();
    expect(await mailer.send(mail({ to: { address } }))).toMatchObject({
      ok: false,
      permanent: true,
      recipientRefused: true,
    });
    expect(received).toEqual([]);
  });

  it.each([
    { messageId: "a@b>\r\nBcc: victim@example.com" },
    { unsubscribeUrl: "https://djanobnb.test/\r\nBcc: victim@example.com" },
    { unsubscribeUrl: "javascript:alert(1)" },
  ])("%j is refused", async (changes) => {
    const { mailer } = await sink();
    expect(await mailer.send(mail(changes))).toMatchObject({ ok: false, permanent: true });
  });

  it("a sender that is none is a setting to mend", () => {
    const settings = { SMTP_HOST: "127.0.0.1", SMTP_PORT: 25, MAIL_FROM: "nobody" };
    expect(() => createMailer({ ...settings, SMTP_USER: undefined, SMTP_PASS: undefined })).toThrow(
      "not set up",
    );
  });
});
