import { Buffer } from "node:buffer";
import { createTransport } from "nodemailer";
import { NotConfigured } from "../errors.ts";
import { log } from "../log.ts";
import type { AllSettings } from "../settings.ts";
import { isAddress, parseSender } from "./address.ts";

export type MailerSettings = Pick<
  AllSettings,
  "SMTP_HOST" | "SMTP_PORT" | "SMTP_USER" | "SMTP_PASS" | "MAIL_FROM"
>;

type Attachment = { filename: string; content: Uint8Array; contentType: string };

export type Mail = {
  to: { address: string; name?: string | null };
  subject: string;
  html: string;
  text: string;
  attachments?: Attachment[];
  /** `<id of the mail>@<host of MAIL_FROM>`: a mail sent again after a crash is seen as the same. */
  messageId: string;
  /** Where one click ends mails of this sort; for those that are not essential. */
  unsubscribeUrl?: string | undefined;
};

export type SendResult =
  | { ok: true; response: string }
  | {
      ok: false;
      /** Another try would fail just the same. */
      permanent: boolean;
      /** The address is the reason: nothing should be sent there any more. */
      recipientRefused: boolean;
      response: string;
    };

export type Mailer = {
  send(mail: Mail): Promise<SendResult>;
  /** Throws when the server cannot be reached or does not let us in. */
  verify(): Promise<unknown>;
  close(): void;
};

const IMPLICIT_TLS = new Set([465, 2465]);
const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/;
const MESSAGE_ID = /^[\w.+-]+@[\w.-]+$/;
const CONTROL = /\p{Cc}+/gu;

/** Sends mails over SMTP, by a few connections that stay open between them. */
export function createMailer(settings: MailerSettings): Mailer {
  const { SMTP_HOST: host, SMTP_PORT: port, SMTP_USER: user, SMTP_PASS: pass } = settings;
  const sender = senderOf(settings.MAIL_FROM);
  const secure = IMPLICIT_TLS.has(port);
  const isLocal = LOOPBACK.test(host);
  const transport = createTransport({
    host,
    port,
    secure,
    // A password never goes over a line that somebody may read; on this machine nobody does.
    requireTLS: !secure && !isLocal,
    ignoreTLS: !secure && isLocal,
    ...(user && { auth: { user, pass: pass ?? "" } }),
    pool: true,
    maxConnections: 8,
    // A mail whose connection broke is tried again by its job, which counts the tries.
    maxRequeues: 0,
    idleTimeout: 30_000,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    // One that takes its time has the mail already: another try would send it twice.
    socketTimeout: 60_000,
    disableFileAccess: true,
    disableUrlAccess: true,
  });

  return {
    async send(mail) {
      const refusal = refusalOf(mail);
      if (refusal) return { ok: false, permanent: true, ...refusal };
      try {
        const { response } = await transport.sendMail({
          from: sender,
          to: { address: mail.to.address, name: plain(mail.to.name ?? "") },
          subject: plain(mail.subject),
          html: mail.html,
          text: mail.text,
          messageId: `<${mail.messageId}>`,
          attachments: (mail.attachments ?? []).map(({ filename, content, contentType }) => ({
            filename: plain(filename),
            content: Buffer.from(content),
            contentType: plain(contentType),
          })),
          headers: { "Auto-Submitted": "auto-generated", ...unsubscribe(mail.unsubscribeUrl) },
        });
        return { ok: true, response };
      } catch (error) {
        return judge(error as SmtpError);
      }
    },
    verify: () => transport.verify(),
    close: () => transport.close(),
  };
}

/** The Message-ID of a mail of the outbox. */
export function messageIdOf(mailId: string, from: string): string {
  return `${mailId}@${senderOf(from).address.split("@")[1]}`;
}

function senderOf(from: string): { name: string; address: string } {
  const sender = parseSender(from);
  if (!sender) throw new NotConfigured(["MAIL_FROM"]);
  return { ...sender, name: plain(sender.name) };
}

/** What would make a broken mail. Addresses are checked strictly: no mail to two, no header in one. */
function refusalOf({ to, messageId, unsubscribeUrl }: Mail) {
  if (!isAddress(to.address)) {
    return { recipientRefused: true, response: "This is no mail address." };
  }
  if (!MESSAGE_ID.test(messageId) || (unsubscribeUrl && !isWebAddress(unsubscribeUrl))) {
    return { recipientRefused: false, response: "The mail's own headers are malformed." };
  }
  return undefined;
}

function isWebAddress(url: string): boolean {
  return /^https?:\/\/[!-;=?-~]+$/.test(url) && URL.canParse(url);
}

function unsubscribe(url: string | undefined): Record<string, string> {
  if (!url) return {};
  return { "List-Unsubscribe": `<${url}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" };
}

function plain(text: string): string {
  return text.replace(CONTROL, " ").trim();
}

type SmtpError = Error & {
  code?: string;
  command?: string;
  responseCode?: number;
  response?: string;
};

/**
 * Tells a refusal of this mail from trouble that passes. A server that does not take our sender or
 * password is trouble of ours: loud in the log, and the mail waits until it is mended.
 */
function judge(error: SmtpError): SendResult {
  const { code, command = "", responseCode = 0, response = error.message } = error;
  const permanent = responseCode >= 500 && (command === "RCPT TO" || command === "DATA");
  if (!permanent && (code === "EAUTH" || code === "ETLS" || responseCode >= 500)) {
    log("error", "The mail server does not accept us.", { code, command, response });
  }
  return { ok: false, permanent, recipientRefused: isNoMailbox(command, response), response };
}

/**
 * What says by RFC 3463 that an address is gone: no such mailbox (5.1.1), not an address there
 * (5.1.3), moved without a new one (5.1.6), a domain that takes no mail (5.1.10, RFC 7505). Not
 * these: a domain that is not found (5.1.2) may only have lost its DNS; a mailbox that is shut
 * (5.2.1) is there, and Gmail says so of one that gets much; 5.7.x is policy.
 */
const GONE = /^5\.1\.(1|3|6|10)$/;

/** The same in words, from a server that gives no such code. */
const GONE_IN_WORDS =
  /\bno (such )?(user|mailbox|recipient|account|address)\b|\b(unknown|non-?existent) (user|mailbox|recipient|account)\b|\b(user|mailbox|recipient|account)( \S+)? (is )?(unknown|not found|does not exist|doesn't exist)\b/i;

/** Whether the server says that there is no such mailbox, for which nothing is sent there any more. */
function isNoMailbox(command: string, response: string): boolean {
  if (command !== "RCPT TO") return false;
  const [, code, status] =
    /^(\d{3})[ -](?:\W*(\d\.\d{1,3}\.\d{1,3})(?![.\d]))?/.exec(response) ?? [];
  if (status) return GONE.test(status);
  // Some servers ask ours whether our own address is there: that speaks of us.
  return /^55[013]$/.test(code ?? "") && GONE_IN_WORDS.test(response) && !/sender/i.test(response);
}
