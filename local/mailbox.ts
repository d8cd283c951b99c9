import { join } from "node:path";
import type { Part, Settings } from "./settings.ts";

/** The mailbox: takes every mail that is sent by SMTP, and shows it on a page. */
export async function startMailbox({ dataDir, ports }: Settings): Promise<Part> {
  // Half a second to load, for which a command that starts nothing need not wait.
  const { MailDev } = await import("maildev");
  // It says where it runs, however silent it is asked to be.
  console.info = () => {};
  const maildev = new MailDev({
    ...{ ip: "127.0.0.1", smtp: ports.smtp, webIp: "127.0.0.1", web: ports.mailbox },
    // Its certificate would be one that nobody trusts.
    hideExtensions: ["STARTTLS"],
    mailDirectory: join(dataDir, "mails"),
    silent: true,
  });
  const { api } = await maildev.start();
  // MailDev has moved its REST API below /api; programs know it as /email.
  api?.server.server.prependListener("request", (request) => {
    const asksForPage = request.headers.accept?.includes("text/html");
    if (/^\/email\b/.test(request.url ?? "") && !asksForPage) request.url = `/api${request.url}`;
  });
  return { stop: () => maildev.stop() };
}
