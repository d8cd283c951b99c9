-- Schedules: everything that happens by the clock, in UTC. docs/operations.md says how to see that it ran.

select cron.schedule('wake-jobs', '* * * * *', 'select private.wake_jobs_if_due()');
select cron.schedule('expire-holds', '* * * * *', 'select private.expire_holds()');
select cron.schedule('escalate-inquiries', '* * * * *', 'select private.escalate_due_inquiries()');
-- A minute past midnight in whatever time zone REPORT_TIMEZONE names: they differ by quarters of an hour.
select cron.schedule('daily-report', '1,16,31,46 * * * *', 'select private.call_function(''daily-report'')');
select cron.schedule('complete-stays', '5 0 * * *', 'select private.complete_past_stays()');
select cron.schedule('archive-listings', '0 2 * * *', 'select private.archive_old_listings()');
select cron.schedule('prune-jobs', '30 2 * * *', 'select private.prune_jobs()');
select cron.schedule('prune-contacts', '40 2 * * *', 'select private.prune_contacts()');
select cron.schedule('reconcile-payments', '0 4 * * *', 'select private.enqueue(''reconcile_payments'')');
