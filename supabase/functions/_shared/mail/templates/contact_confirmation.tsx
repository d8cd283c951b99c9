import { z } from "zod";
import { Action, Hint, Paragraph, Title } from "../layout.tsx";
import { text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  subject: text,
  confirm_url_path: z.string().regex(/^\/(?!\/)[^\s\\]*$/, "is no path of the site"),
});

export default template({
  schema,
  subject: () => "Please confirm your message",
  preview: (contact) => `We read “${contact.subject}” once you have confirmed it.`,
  reason: "You get this mail because somebody wrote to us with your address.",
  content: (contact, link) => (
    <>
      <Title>Did you write to us?</Title>
      <Paragraph>Hello {contact.recipient_name},</Paragraph>
      <Paragraph>
        We got a message with the subject “{contact.subject}”. Confirm that it is yours, and we read
        it.
      </Paragraph>
      <Action href={link(contact.confirm_url_path)}>Yes, it is mine</Action>
      <Hint>If you did not write to us, do nothing: nobody will read the message.</Hint>
    </>
  ),
});
