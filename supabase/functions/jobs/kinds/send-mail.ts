import { z } from "zod";
import { MailError, renderMail, topicOf } from "../../_shared/mail/render.ts";
import { messageIdOf, type SendResult } from "../../_shared/mail/send.ts";
import { kind, PermanentError, type Tools } from "../tools.ts";

type Mail = {
  id: string;
  template: string;
  to_address: string | null;
  to_name: string | null;
  props: unknown;
  attachments: { bucket: string; path: string; filename: string }[];
  /** The answers of servers that have taken it at an earlier try, by address. */
  accepted: Record<string, string>;
  state: "queued" | "sent" | "refused" | "failed" | "suppressed" | "unsubscribed";
  is_suppressed: boolean;
};

/** Sends one mail of the outbox. Its Message-ID is its own, so that a mail sent twice is seen as one. */
export const sendMail = kind({
  payload: z.object({ mail_id: z.uuid() }),
  async run({ mail_id }, tools, isLastAttempt) {
    const [mail] = await tools.database<Mail[]>`select * from private.mail_to_send(${mail_id})`;
    if (!mail) throw new PermanentError("There is no such mail in the outbox.");
    if (mail.state === "sent") return undefined;
    if (mail.is_suppressed) {
      await record(tools, mail_id, "suppressed", "The address is on the suppression list.");
      return { state: "suppressed" };
    }

    const results = await deliver(tools, mail);
    if (!results.length) {
      await record(tools, mail_id, "unsubscribed", "Unsubscribed from mails of this sort.");
      return { state: "unsubscribed" };
    }
    const answers = results.map(({ response }) => response).join("\n");
    const accepted = results.filter(({ ok }) => ok);
    const mayPass = results.some((result) => !result.ok && !result.permanent);
    if (mayPass && !(isLastAttempt && accepted.length)) {
      if (accepted.length) await noteAccepted(tools, mail_id, accepted);
      throw new Error(answers);
    }
    // One admin whose server does not take it keeps the report from nobody else.
    if (accepted.length) {
      await record(tools, mail_id, "sent", answers);
      return { state: "sent" };
    }
    const isGone = results.every((result) => !result.ok && result.recipientRefused);
    await record(tools, mail_id, isGone ? "refused" : "failed", answers);
    throw new PermanentError(answers);
  },
});

type Recipient = { address: string; name: string; unsubscribeUrl?: string | undefined };
type Result = SendResult & { address: string };

/** Renders the mail and sends it to those for whom it is, who want it and do not have it yet. */
async function deliver(tools: Tools, mail: Mail): Promise<Result[]> {
  const { mailer, settings } = tools;
  try {
    const to = await readers(tools, mail, await recipients(tools, mail));
    const attachments = await Promise.all(mail.attachments.map((file) => download(tools, file)));
    const messageId = messageIdOf(mail.id, settings.MAIL_FROM);
    return await Promise.all(
      to.map(async ({ unsubscribeUrl, ...to }): Promise<Result> => {
        const { address } = to;
        const response = mail.accepted[address];
        if (response !== undefined) return { ok: true, response, address };
        const context = { siteUrl: settings.SITE_URL, unsubscribeUrl };
        const content = await renderMail(mail.template, mail.props, context);
        const letter = { ...content, to, attachments, messageId, unsubscribeUrl };
        const result = await mailer.send(letter);
        // Postgres takes no null character in a text.
        return { ...result, response: result.response.replaceAll("\0", ""), address };
      }),
    );
  } catch (error) {
    throw error instanceof MailError ? new PermanentError(error.message) : error;
  }
}

/** Who of them has not unsubscribed, each with a link to do so; all, when the mail is essential. */
async function readers({ database }: Tools, mail: Mail, to: Recipient[]): Promise<Recipient[]> {
  const topic = topicOf(mail.template);
  if (!topic) return to;
  const rows = await database<{ address: string; left: boolean; url: string | null }[]>`
    select address, is_unsubscribed as left, unsubscribe_url as url
    from private.subscriptions(${topic}, ${to.map(({ address }) => address)})`;
  const subscriptions = new Map(rows.map((row) => [row.address, row]));
  return to
    .filter(({ address }) => !subscriptions.get(address)?.left)
    .map((one) => ({ ...one, unsubscribeUrl: subscriptions.get(one.address)?.url ?? undefined }));
}

async function recipients({ database, settings }: Tools, mail: Mail): Promise<Recipient[]> {
  if (mail.to_address) return [{ address: mail.to_address, name: mail.to_name ?? "" }];
  const admins = settings.ADMIN_EMAIL.length
    ? settings.ADMIN_EMAIL
    : (await database<{ address: string }[]>`select private.admin_addresses() as address`).map(
        ({ address }) => address,
      );
  if (!admins.length) throw new Error("There is no admin to write to.");
  return admins.map((address) => ({ address, name: "" }));
}

async function download({ storage }: Tools, file: Mail["attachments"][number]) {
  const { data, error } = await storage.from(file.bucket).download(file.path);
  if (error) throw error;
  return {
    filename: file.filename,
    content: new Uint8Array(await data.arrayBuffer()),
    contentType: data.type,
  };
}

async function record({ database }: Tools, mailId: string, state: Mail["state"], response: string) {
  await database`select private.record_mail(${mailId}, ${state}, ${response})`;
}

async function noteAccepted({ database }: Tools, mailId: string, accepted: Result[]) {
  const answers = Object.fromEntries(accepted.map(({ address, response }) => [address, response]));
  await database`select private.note_accepted_mail(${mailId}, ${database.json(answers)})`;
}
