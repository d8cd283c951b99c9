/**
 * A page with every mail and its edge cases, light and dark, on a phone and on a desk.
 * `npm run mails` runs it with Deno, since that compiles the templates by itself.
 */
import { createServer } from "node:http";
import { argv, env, exit } from "node:process";
import { renderMail } from "../../supabase/functions/_shared/mail/render.ts";
import { samples } from "./samples.ts";

const siteUrl = env.SITE_URL ?? "http://127.0.0.1:3000";
const context = { siteUrl, unsubscribeUrl: `${siteUrl}/unsubscribe?token=of-this-reader` };

const STYLE = `
  body { font: 14px/1.5 system-ui, sans-serif; margin: 24px; color: #1c1917; background: #fff; }
  h2 { font-size: 16px; margin: 32px 0 8px; }
  details { border-top: 1px solid #d6d3d1; padding: 12px 0; }
  summary { cursor: pointer; font-weight: 600; }
  .views { display: flex; flex-wrap: wrap; gap: 16px; margin-top: 12px; }
  iframe { border: 1px solid #d6d3d1; height: 720px; max-width: 100%; }
`;

const asText = (text: string) => text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

/** A frame becomes as high as what is in it. A mail has no scripts, and none would run. */
const frame = (
  width: number,
  title: string,
  path: string,
) => `<iframe loading="lazy" width="${width}"
  title="${title}" sandbox="allow-popups allow-same-origin" src="${path}"
  onload="this.style.height = 0;
    this.style.height = this.contentDocument.documentElement.scrollHeight + 2 + 'px'"></iframe>`;

function index(): string {
  const mails = samples.map(({ template, variant }, at) => {
    const name = variant || "as it mostly is";
    const frames = [320, 800].flatMap((width) =>
      ["light", "dark"].map((theme) =>
        frame(width, `${template}, ${theme}, ${width} px`, `/${at}.html?theme=${theme}`),
      ),
    );
    const text = frame(640, `${template}, plain text`, `/${at}.txt`);
    const heading = samples[at - 1]?.template === template ? "" : `<h2>${template}</h2>`;
    return `${heading}<details><summary>${asText(name)}</summary>
      <div class="views">${frames.join("")}${text}</div></details>`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1"><title>Mails</title>
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
const server = createServer(async (request, response) => {
  const found = await answer(new URL(request.url ?? "/", "http://localhost")).catch((error) => ({
    type: "text/plain",
    body: String(error),
  }));
  const { type, body } = found ?? { type: "text/plain", body: "There is no such mail." };
  response.writeHead(found ? 200 : 404, { "content-type": `${type}; charset=utf-8` });
  response.end(body);
});
server.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  const isTaken = code === "EADDRINUSE";
  console.error(isTaken ? `Port ${port} is in use: --port names another one, less 9.` : message);
  exit(1);
});
server.listen(port, "127.0.0.1", () => console.log(`Mails: http://127.0.0.1:${port}`));
