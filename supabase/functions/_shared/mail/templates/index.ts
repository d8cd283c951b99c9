import admin_alert from "./admin_alert.tsx";
import booking_confirmed from "./booking_confirmed.tsx";
import booking_received from "./booking_received.tsx";
import cancelled_stay_invoiced from "./cancelled_stay_invoiced.tsx";
import contact_confirmation from "./contact_confirmation.tsx";
import daily_report from "./daily_report.tsx";
import inquiry_assigned from "./inquiry_assigned.tsx";
import inquiry_customer_message from "./inquiry_customer_message.tsx";
import inquiry_overdue from "./inquiry_overdue.tsx";
import inquiry_received from "./inquiry_received.tsx";
import inquiry_reply from "./inquiry_reply.tsx";
import payment_refunded from "./payment_refunded.tsx";
import property_archived from "./property_archived.tsx";
import property_created from "./property_created.tsx";
import reservation_cancelled from "./reservation_cancelled.tsx";
import unused_payment_refunded from "./unused_payment_refunded.tsx";

/** Every mail there is, by the name that the outbox calls it. */
export const templates = {
  admin_alert,
  booking_confirmed,
  booking_received,
  cancelled_stay_invoiced,
  contact_confirmation,
  daily_report,
  inquiry_assigned,
  inquiry_customer_message,
  inquiry_overdue,
  inquiry_received,
  inquiry_reply,
  payment_refunded,
  property_archived,
  property_created,
  reservation_cancelled,
  unused_payment_refunded,
};
