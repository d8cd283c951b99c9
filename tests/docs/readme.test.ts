import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { mailTo, stripe } from "../api/actors.ts";

test("the README's snippet books a stay, and paying for it brings the invoice", async () => {
  const root = new URL("../../", import.meta.url);
  const [, snippet] = /```js\n([\s\S]*?)```/.exec(
    readFileSync(new URL("README.md", root), "utf8"),
  )!;
  const file = new URL("booking-of-the-readme.mjs", root);
  writeFileSync(file, snippet!);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [file.pathname]);
    expect(stdout).toMatch(/, 3 nights for \d+\.\d\d [A-Z]{3}: pay at /);
    const [, url] = /pay at (\S+)/.exec(stdout)!;
    await stripe(`sessions/${url!.split("/").at(-1)}/pay`);
    const mail = await mailTo("guest@djanobnb.test", /confirmed/);
    expect(mail.attachments?.[0]?.contentType).toBe("application/pdf");
  } finally {
    rmSync(file);
  }
});
