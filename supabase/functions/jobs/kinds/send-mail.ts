import { z } from "zod";
import { renderMail } from "../../_shared/mail/render.ts";
import { kind, PermanentError, type Tools } from "../tools.ts";

type Mail = {
  id: string;
  template: string;
  to_address: string | null;
  to_name: string | null;
  props: unknown;
  attachments: { bucket: string; path: string; filename: string }[];
  state: "queued" | "sent" | "refused" | "suppressed";
  is_suppressed: boolean;
};

/** Sends one mail of the outbox. Its Message-ID is its own, so that a mail sent twice is seen as one. */
export const sendMail = kind({
  payload: z.object({ mail_id: z.uuid() }),
  async run({ mail_id }, tools) {
    const { database, mailer, settings } = tools;
    const [mail] = await database<Mail[]>`select * from private.mail_to_send(${mail_id})`;
    if (!mail) throw new PermanentError("There is no such mail in the outbox.");
    if (mail.state === "sent") return undefined;
    if (mail.is_suppressed) {
      await record(tools, mail_id, "suppressed", "The address is on the suppression list.");
      return { state: "suppressed" };
    }

    const content = await renderMail(mail.template, mail.props, { siteUrl: settings.SITE_URL });
    const attachments = await Promise.all(mail.attachments.map((file) => download(tools, file)));
    const outcomes = await Promise.all(
      (await recipients(tools, mail)).map((to) =>
        mailer.send({ ...content, to, attachments, messageId: messageId(mail.id, settings) }),
      ),
    );

    const refused = outcomes.find((outcome) => !outcome.ok);
    if (!refused || refused.ok) {
      await record(tools, mail_id, "sent", outcomes.map(({ response }) => response).join("\n"));
      return { state: "sent" };
    }
    if (!refused.permanent) throw new Error(refused.response);
    await record(tools, mail_id, "refused", refused.response);
    throw new PermanentError(refused.response);
  },
});

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

function messageId(mailId: string, { MAIL_FROM }: Tools["settings"]): string {
  const domain = /@([^\s>]+)/.exec(MAIL_FROM)?.[1] ?? "localhost";
  return `<${mailId}@${domain}>`;
}

async function record({ database }: Tools, mailId: string, state: Mail["state"], response: string) {
  await database`select private.record_mail(${mailId}, ${state}, ${response})`;
}
