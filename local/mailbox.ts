import { join } from "node:path";
import type { Part, Settings } from "./settings.ts";

/** The mailbox: takes every mail that is sent by SMTP, and shows it on a page. */
export async function startMailbox({ dataDir, ports }: Settings): Promise<Part> {
  // Half a second to load, which a command that starts nothing need not wait for.
  const { MailDev } = await import("maildev");
  const address = "127.0.0.1";
  const maildev = new MailDev({
    smtp: ports.smtp,
    ip: address,
    // Mails to the mailbox go over plain SMTP: its certificate would be one that nobody trusts.
    hideExtensions: ["STARTTLS"],
    web: ports.mailbox,
    webIp: address,
    mailDirectory: join(dataDir, "mails"),
    silent: true,
  });
  await maildev.start();
  return { stop: () => maildev.stop() };
}
