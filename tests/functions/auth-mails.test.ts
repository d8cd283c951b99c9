import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { mails, renderAuthMail } from "../../supabase/templates/mails.tsx";

const root = new URL("../../", import.meta.url);
type Entry = { enabled?: boolean; subject: string; content_path: string };
const { auth } = parse(readFileSync(new URL("supabase/config.toml", root), "utf8")) as {
  auth: { email: Record<"template" | "notification", Record<string, Entry>> };
};
const configured = { ...auth.email.template, ...auth.email.notification };

test.each(Object.entries(mails))(
  "%s is rendered to its file and configured",
  async (name, mail) => {
    const path = `supabase/templates/${name}.html`;
    // `npx vitest run -u --project functions auth-mails` writes the files anew.
    await expect(await renderAuthMail(mail)).toMatchFileSnapshot(new URL(path, root).pathname);
    expect(configured[name]).toMatchObject({ subject: mail.subject, content_path: `./${path}` });
  },
);

test("nothing else is configured", () => {
  expect(Object.keys(configured).sort()).toEqual(Object.keys(mails).sort());
});

test("links survive a scanner: they lead to the site, not to what uses the token up", () => {
  for (const name of Object.keys(mails)) {
    const html = readFileSync(new URL(`supabase/templates/${name}.html`, root), "utf8");
    expect(html).not.toMatch(/ConfirmationURL|\.Data/);
    const links = [...html.matchAll(/href="([^"]*)"/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(0);
    for (const link of links) expect(link).toMatch(/^\{\{ \.SiteURL \}\}\//);
  }
});
