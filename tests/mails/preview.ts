/**
 * A page with every mail and its edge cases, light and dark, on a phone and on a desk.
 * `npm run mails` runs it with Deno, since that compiles the templates by itself.
 */
import { createServer } from "node:http";
import { argv, env } from "node:process";
import { renderMail } from "../../supabase/functions/_shared/mail/render.ts";
import { samples } from "./samples.ts";

const siteUrl = env.SITE_URL ?? "http://127.0.0.1:3000";
const context = { siteUrl, unsubscribeUrl: `${siteUrl}/unsubscribe?token=of-this-reader` };

const STYLE = `
  body { font: 14px/1.5 system-ui, sans-serif; margin: 24px; color: #1c1917; background: #fff; }
  details { border-top: 1px solid #d6d3d1; padding: 12px 0; }
  summary { cursor: pointer; font-weight: 600; }
  .views { display: flex; flex-wrap: wrap; gap: 16px; margin-top: 12px; }
  iframe { border: 1px solid #d6d3d1; height: 720px; }
`;

const asText = (text: string) => text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

function index(): string {
  const mails = samples.map(({ template, variant }, at) => {
    const frames = [320, 800].flatMap((width) =>
      ["light", "dark"].map(
        (theme) =>
          `<iframe loading="lazy" width="${width}" title="${template}, ${theme}, ${width} px"
            sandbox="allow-popups" src="/${at}.html?theme=${theme}"></iframe>`,
      ),
    );
    const text = `<iframe loading="lazy" width="640" title="${template}, plain text" src="/${at}.txt"></iframe>`;
    return `<details><summary>${template} ${asText(variant)}</summary>
      <div class="views">${frames.join("")}${text}</div></details>`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Mails</title>
    <style>${STYLE}</style><h1>Mails</h1>${mails.join("")}</html>`;
}

/** Shows one theme, whichever the browser prefers. */
function inTheme(html: string, theme: string | null): string {
  return html.replace("(prefers-color-scheme: dark)", theme === "dark" ? "all" : "not all");
}

async function answer(url: URL): Promise<{ type: string; body: string } | undefined> {
  if (url.pathname === "/") return { type: "text/html", body: index() };
  const [, at, form] = /^\/(\d+)\.(html|txt)$/.exec(url.pathname) ?? [];
  const sample = samples[Number(at)];
  if (!sample) return undefined;
  const mail = await renderMail(sample.template, sample.props, context);
  return form === "html"
    ? { type: "text/html", body: inTheme(mail.html, url.searchParams.get("theme")) }
    : { type: "text/plain", body: `Subject: ${mail.subject}\n\n${mail.text}` };
}

const port = Number(argv[2] ?? 54_330);
createServer(async (request, response) => {
  const found = await answer(new URL(request.url ?? "/", "http://localhost")).catch((error) => ({
    type: "text/plain",
    body: String(error),
  }));
  const { type, body } = found ?? { type: "text/plain", body: "There is no such mail." };
  response.writeHead(found ? 200 : 404, { "content-type": `${type}; charset=utf-8` });
  response.end(body);
}).listen(port, "127.0.0.1", () => console.log(`Mails: http://127.0.0.1:${port}`));
