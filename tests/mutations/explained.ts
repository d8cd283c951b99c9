const unwritable = "The column it looks at cannot be written: the policy's `using` says the same.";

/**
 * Mutants that no test notices, and why none has to: whatever the rule would stop, another one stops
 * as well. One that a test does notice may not stand here.
 */
export const explained: Record<string, string> = {
  "public.profiles: People change their own profile (with check)": unwritable,
  "public.properties: Hosts change their own properties and admins all (with check)": unwritable,
  "public.property_blocks: Hosts change their own blocks (with check)": unwritable,
  "public.property_images: Hosts change their own images (with check)": unwritable,
  "public.inquiry_messages: Users write as themselves (with check)":
    "The trigger sign_message writes who the author is, and refuses whoever does not reach the inquiry.",
  "public.inquiries: Authors and staff change the inquiries that they see (with check)":
    "The trigger check_assignment says to whom an inquiry may go, and no other column moves it.",
  "private.reaches_inquiry: assigned_to = (select auth.uid())":
    "The trigger check_assignment refuses whoever is no party to the inquiry.",
  "inquiry_queue: private.require_user()":
    "private.require_role follows, and nobody who is not signed in has a role.",
  "reserve: private.refuse_taken_dates()":
    "The trigger occupy_reservation refuses nights that are taken, in the same words.",
  "reserve: p.id = (select auth.uid())":
    "It chooses the one row to lock, so that two reserves of a guest wait for each other; locking more refuses nothing.",
  "set_user_role: private.require_role('admin')":
    "It is asked twice, before and after the lock: either one refuses.",
  "set_user_role: private.require_role('admin') (2)":
    "It is asked twice, before and after the lock: either one refuses.",
  "property_blocks: lock_my_calendar":
    "A lock: tests/api/properties.test.ts has two statements that would wait for each other without it.",
};
