import { z } from "zod";
import { Action, Paragraph, Title } from "../layout.tsx";
import { id, message, text } from "../props.ts";
import { template } from "../template.ts";
import { Thread } from "../thread.tsx";

const schema = z.object({
  recipient_name: text,
  inquiry_id: id,
  subject: text,
  messages: z.array(message).min(1),
});

export default template({
  schema,
  subject: (inquiry) => `Answer to your inquiry: ${inquiry.subject}`,
  preview: (inquiry) => inquiry.messages[0]!.body,
  reason: "You get this mail because you wrote to us.",
  content: (inquiry, link) => (
    <>
      <Title>{inquiry.subject}</Title>
      <Paragraph>Hello {inquiry.recipient_name},</Paragraph>
      <Paragraph>{inquiry.messages[0]!.author_name} answered your inquiry.</Paragraph>
      <Thread messages={inquiry.messages}>
        <Action href={link(`/inquiries/${inquiry.inquiry_id}`)}>Answer</Action>
      </Thread>
    </>
  ),
});
