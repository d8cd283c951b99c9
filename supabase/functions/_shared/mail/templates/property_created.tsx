import { z } from "zod";
import { Action, Facts, Paragraph, Title } from "../layout.tsx";
import { id, text } from "../props.ts";
import { template } from "../template.ts";

const schema = z.object({
  recipient_name: text,
  property_id: id,
  property_title: text,
  city: text,
  country_name: text,
});

export default template({
  schema,
  subject: (home) => `Your listing was created: ${home.property_title}`,
  preview: (home) => `${home.city}, ${home.country_name}`,
  reason: "You get this mail because you host this home.",
  topic: "listings",
  content: (home, link) => (
    <>
      <Title>Your listing was created</Title>
      <Paragraph>Hello {home.recipient_name},</Paragraph>
      <Paragraph>
        Good photos and a calendar that is up to date are what guests look at first. Both are on the
        page of your listing.
      </Paragraph>
      <Facts
        facts={[
          ["Listing", home.property_title],
          ["Where", `${home.city}, ${home.country_name}`],
        ]}
      />
      <Action href={link(`/hosting/listings/${home.property_id}`)}>Open your listing</Action>
    </>
  ),
});
