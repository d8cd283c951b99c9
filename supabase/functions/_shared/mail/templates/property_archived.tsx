import { z } from "zod";
import { formatDate } from "../../format.ts";
import { Action, Facts, Paragraph, Title } from "../layout.tsx";
import { day, id, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  property_id: id,
  property_title: text,
  city: text,
  country_name: text,
  last_change: day,
});

export default template({
  schema,
  subject: (home) => `Your listing was archived: ${home.property_title}`,
  preview: () => "Guests no longer find it. You can list it again at any time.",
  reason: "You get this mail because you host this home.",
  topic: "listings",
  content: (home, link) => (
    <>
      <Title>Your listing was archived</Title>
      <Paragraph>Hello {home.recipient_name},</Paragraph>
      <Paragraph>
        Nobody changed or booked it for a year, so guests no longer find it. Nothing is lost: you
        can list it again at any time.
      </Paragraph>
      <Facts
        facts={[
          ["Listing", home.property_title],
          ["Where", `${home.city}, ${home.country_name}`],
          ["Last change", formatDate(home.last_change)],
        ]}
      />
      <Action href={link(`/hosting/listings/${home.property_id}`)}>List it again</Action>
    </>
  ),
});
