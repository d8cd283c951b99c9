import { closeCheckout } from "./kinds/close-checkout.ts";
import { createStripeCustomer } from "./kinds/create-stripe-customer.ts";
import { issueDocuments } from "./kinds/issue-documents.ts";
import { mailInquiryMessages } from "./kinds/mail-inquiry-messages.ts";
import { reconcilePayments } from "./kinds/reconcile-payments.ts";
import { refundPayment } from "./kinds/refund-payment.ts";
import { removeFile } from "./kinds/remove-file.ts";
import { sendMail } from "./kinds/send-mail.ts";
import { writeDailyReport } from "./kinds/write-daily-report.ts";
import type { Kind } from "./tools.ts";

/** The handler of each kind of private.job_kinds. */
export const kinds: Record<string, Kind> = {
  close_checkout: closeCheckout,
  create_stripe_customer: createStripeCustomer,
  issue_documents: issueDocuments,
  mail_inquiry_messages: mailInquiryMessages,
  reconcile_payments: reconcilePayments,
  refund_payment: refundPayment,
  remove_file: removeFile,
  send_mail: sendMail,
  write_daily_report: writeDailyReport,
};
