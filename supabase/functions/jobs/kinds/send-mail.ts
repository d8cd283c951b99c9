import { z } from "zod";
import { MailError, renderMail } from "../../_shared/mail/render.ts";
import { messageIdOf, type SendResult } from "../../_shared/mail/send.ts";
import { kind, PermanentError, type Tools } from "../tools.ts";

type Mail = {
  id: string;
  template: string;
  to_address: string | null;
  to_name: string | null;
  props: unknown;
  attachments: { bucket: string; path: string; filename: string }[];
  state: "queued" | "sent" | "refused" | "failed" | "suppressed";
  is_suppressed: boolean;
};

/** Sends one mail of the outbox. Its Message-ID is its own, so that a mail sent twice is seen as one. */
export const sendMail = kind({
  payload: z.object({ mail_id: z.uuid() }),
  async run({ mail_id }, tools) {
    const [mail] = await tools.database<Mail[]>`select * from private.mail_to_send(${mail_id})`;
    if (!mail) throw new PermanentError("There is no such mail in the outbox.");
    if (mail.state === "sent") return undefined;
    if (mail.is_suppressed) {
      await record(tools, mail_id, "suppressed", "The address is on the suppression list.");
      return { state: "suppressed" };
    }

    const results = await deliver(tools, mail);
    const answers = results.map(({ response }) => response.replaceAll("\0", "")).join("\n");
    if (results.some((result) => !result.ok && !result.permanent)) throw new Error(answers);
    // One admin whose address is gone does not keep the report from the others.
    if (results.some(({ ok }) => ok)) {
      await record(tools, mail_id, "sent", answers);
      return { state: "sent" };
    }
    const isGone = results.every((result) => !result.ok && result.recipientRefused);
    await record(tools, mail_id, isGone ? "refused" : "failed", answers);
    throw new PermanentError(answers);
  },
});

/** Renders the mail and sends it to whom it is for. */
async function deliver(tools: Tools, mail: Mail): Promise<SendResult[]> {
  const { mailer, settings } = tools;
  const content = await renderMail(mail.template, mail.props, { siteUrl: settings.SITE_URL }).catch(
    (error) => {
      throw error instanceof MailError ? new PermanentError(error.message) : error;
    },
  );
  const attachments = await Promise.all(mail.attachments.map((file) => download(tools, file)));
  const messageId = messageIdOf(mail.id, settings.MAIL_FROM);
  return await Promise.all(
    (await recipients(tools, mail)).map((to) =>
      mailer.send({ ...content, to, attachments, messageId }),
    ),
  );
}

async function recipients({ database, settings }: Tools, mail: Mail) {
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
