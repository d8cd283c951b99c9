import { z } from "zod";
import type { Database } from "../_shared/database.ts";
import { ApiError } from "../_shared/errors.ts";
import { type Topic, topics } from "../_shared/mail/topics.ts";
import { page } from "./page.ts";

export type Tools = { database: Database; siteUrl: string };

const Token = z.guid();

/**
 * Where the link in a mail that is not essential leads, with `?token=…`. A POST unsubscribes (RFC
 * 8058: a mail program sends it by itself when its reader presses its button, and looks at nothing
 * but the status). A GET changes nothing, since scanners of mails open every link: it shows a page
 * with a button. Supabase's own domain serves no pages; there the site has one of the same name.
 */
export async function unsubscribe(request: Request, tools: Tools): Promise<Response> {
  const token = Token.safeParse(new URL(request.url).searchParams.get("token")).data;
  const wantsPage = request.headers.get("accept")?.includes("text/html") ?? false;
  const topic = token && (await (request.method === "POST" ? leave : look)(tools, token));
  if (!topic && !wantsPage) throw new ApiError(404, "not_found", noSuchLink);
  const link = tools.siteUrl;
  if (!topic) return page(404, { title: "This link does not work", text: noSuchLink, link });

  const words = topics[topic];
  if (request.method === "POST" && wantsPage) {
    const text = `You get no more mails with ${words}. Those about your bookings and your account still come.`;
    return page(200, { title: "Unsubscribed", text, link });
  }
  if (request.method === "POST") return Response.json({ status: "unsubscribed", topic });
  if (await hasNoPages(tools)) {
    const location = `${tools.siteUrl}/unsubscribe?token=${token}`;
    return new Response(null, { status: 303, headers: { location } });
  }
  const text = "Those about your bookings and your account still come.";
  return page(200, { title: `Stop mails with ${words}?`, text, button: "Unsubscribe" });
}

const noSuchLink = "Please use the link as it stands in the mail.";

async function leave({ database }: Tools, token: string): Promise<Topic | null> {
  const [{ topic }] = await database<[{ topic: Topic | null }]>`
    select private.unsubscribe(${token}) as topic`;
  return topic;
}

async function look({ database }: Tools, token: string): Promise<Topic | null> {
  const [{ topic }] = await database<[{ topic: Topic | null }]>`
    select private.topic_of(${token}) as topic`;
  return topic;
}

/** Whether Supabase's domain, which turns every page into plain text, is this project's address. */
async function hasNoPages({ database }: Tools): Promise<boolean> {
  const [{ url }] = await database<[{ url: string | null }]>`select private.project_url() as url`;
  return url !== null && new URL(url).hostname.endsWith(".supabase.co");
}
