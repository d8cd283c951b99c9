import { createElement } from "react";
import { render, toPlainText } from "react-email";
import { z } from "zod";
import { Layout } from "./layout.tsx";
import { plainTextOptions } from "./plain-text.ts";
import type { Link, Template } from "./template.ts";
import { templates } from "./templates/index.ts";
import type { Topic } from "./topics.ts";

export type RenderedMail = { subject: string; html: string; text: string };
type TemplateName = keyof typeof templates;

/** A mail that no further try can render: the template is unknown, or does not get what it needs. */
export class MailError extends Error {}

const LONGEST_SUBJECT = 150;

/** Control characters, and those that turn the direction of text around. */
const STEERING = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** What somebody who wants no more such mails unsubscribes from; nothing for one that is essential. */
export function topicOf(template: string): Topic | undefined {
  return find(template).topic;
}

/** Renders a mail of the outbox. Throws `MailError` with the reason when its props do not fit. */
export async function renderMail(
  template: string,
  props: unknown,
  context: { siteUrl: string; unsubscribeUrl?: string | undefined },
): Promise<RenderedMail> {
  const { schema, subject, preview, content, reason, topic } = find(template);
  const parsed = schema.safeParse(sanitize(props));
  if (!parsed.success) {
    throw new MailError(`Mail "${template}" cannot be rendered:\n${z.prettifyError(parsed.error)}`);
  }
  const link: Link = (path) => context.siteUrl.replace(/\/+$/, "") + path;
  const line = oneLine(subject(parsed.data));
  const layout = createElement(Layout, {
    subject: line,
    preview: oneLine(preview(parsed.data)),
    reason,
    home: link("/"),
    unsubscribe:
      topic && context.unsubscribeUrl ? { topic, url: context.unsubscribeUrl } : undefined,
    content: content(parsed.data, link),
  });
  const html = await render(layout);
  return { subject: line, html, text: toPlainText(html, plainTextOptions) };
}

function find(name: string): Template {
  if (!Object.hasOwn(templates, name)) throw new MailError(`There is no mail template "${name}".`);
  return templates[name as TemplateName] as Template;
}

/**
 * User text stays text: without control characters in it, whatever mail programs make of them. One
 * of which nothing is left becomes a dash, so that no mail fails for what somebody is called.
 */
function sanitize(value: unknown): unknown {
  if (typeof value === "string") {
    const clean = value
      .replace(/\r\n?/g, "\n")
      .replace(STEERING, (one) => (/[\n\t]/.test(one) ? one : ""));
    return clean || (value && "–");
  }
  if (Array.isArray(value)) return value.map(sanitize);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, sanitize(inner)]));
  }
  return value;
}

function oneLine(text: string): string {
  const characters = [...text.replace(/\s+/g, " ").trim()];
  if (characters.length <= LONGEST_SUBJECT) return characters.join("");
  return `${characters.slice(0, LONGEST_SUBJECT - 1).join("")}…`;
}
