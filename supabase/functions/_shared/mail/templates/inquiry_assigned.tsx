import { z } from "zod";
import { capitalize, formatInstant } from "../../format.ts";
import { Action, Facts, Paragraph, Quote, Title } from "../layout.tsx";
import { id, instant, severity, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  inquiry_id: id,
  subject: text,
  severity,
  author_name: text,
  // Nothing is due while the customer has the word.
  due_at: instant.nullable(),
  message: z.string(),
});

export default template({
  schema,
  subject: (inquiry) => `Assigned to you (${inquiry.severity}): ${inquiry.subject}`,
  preview: (inquiry) => `Due: ${due(inquiry)}`,
  reason: "You get this mail because this inquiry is assigned to you.",
  content: (inquiry, link) => (
    <>
      <Title>{inquiry.subject}</Title>
      <Paragraph>Hello {inquiry.recipient_name},</Paragraph>
      <Paragraph>This inquiry is assigned to you.</Paragraph>
      <Facts
        facts={[
          ["From", inquiry.author_name],
          ["Severity", capitalize(inquiry.severity)],
          ["Due", due(inquiry)],
        ]}
      />
      <Quote text={inquiry.message} />
      <Action href={link(`/desk/inquiries/${inquiry.inquiry_id}`)}>Open the inquiry</Action>
    </>
  ),
});

function due({ due_at }: z.infer<typeof schema>): string {
  return due_at ? formatInstant(due_at) : "when the customer has answered";
}
