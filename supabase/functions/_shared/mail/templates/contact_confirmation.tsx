import { z } from "zod";
import { Action, Hint, Paragraph, Title } from "../layout.tsx";
import { template } from "../template.ts";

/** Nothing that the sender wrote: the address may be anybody's, and this mail is ours. */
const schema = z.object({
  confirm_url_path: z.string().regex(/^\/(?!\/)[^\s\\]*$/, "is no path of the site"),
});

export default template({
  schema,
  subject: () => "Please confirm your message",
  preview: () => "We read it once you have confirmed it.",
  reason: "You get this mail because somebody wrote to us with your address.",
  content: (contact, link) => (
    <>
      <Title>Did you write to us?</Title>
      <Paragraph>
        We got a message with your address. Confirm that it is yours, and we read it.
      </Paragraph>
      <Action href={link(contact.confirm_url_path)}>Yes, it is mine</Action>
      <Hint>If you did not write to us, do nothing: nobody will read the message.</Hint>
    </>
  ),
});
