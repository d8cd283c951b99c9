const CSS = `
  :root { color-scheme: light dark; }
  body { margin: 0; padding: 24px 16px; background: #f5f5f4; color: #1c1917;
    font: 16px/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, Arial, sans-serif; }
  main { max-width: 480px; margin: 0 auto; padding: 28px 32px; box-sizing: border-box;
    background: #fff; border: 1px solid #e7e5e4; border-radius: 12px; }
  b, a { color: #0f766e; }
  h1 { font-size: 24px; line-height: 1.3; margin: 18px 0 12px; }
  p { margin: 0 0 18px; }
  button { background: #0f766e; color: #fff; border: 0; border-radius: 8px; padding: 13px 22px;
    font: inherit; font-weight: 600; cursor: pointer; }
  @media (prefers-color-scheme: dark) {
    body { background: #171412; color: #f5f5f4; }
    main { background: #24201e; border-color: #3b3532; }
    b, a { color: #5eead4; }
    button { background: #2dd4bf; color: #10201e; }
  }
`;

const headers = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-robots-tag": "noindex",
};

type Page = { title: string; text: string; button?: string; link?: string };

/** A page without scripts. What stands on it is this function's own words, and the site's address. */
export function page(status: number, { title, text, button, link }: Page): Response {
  const html = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - Djanobnb</title>
<style>${CSS}</style>
</head>
<body>
<main>
<b>Djanobnb</b>
<h1>${title}</h1>
<p>${text}</p>
${button ? `<form method="post"><button name="List-Unsubscribe" value="One-Click">${button}</button></form>` : ""}
${link ? `<a href="${link}">Back to the site</a>` : ""}
</main>
</body>
</html>`;
  return new Response(html, { status, headers });
}
