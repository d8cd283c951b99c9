-- Schedules: everything that happens by the clock, in UTC. docs/operations.md says how to see that it ran.

select cron.schedule('wake-jobs', '* * * * *', 'select private.wake_jobs_if_due()');
select cron.schedule('expire-holds', '* * * * *', 'select private.expire_holds()');
select cron.schedule('escalate-inquiries', '* * * * *', 'select private.escalate_due_inquiries()');
select cron.schedule('complete-stays', '5 0 * * *', 'select private.complete_past_stays()');
select cron.schedule('prune-jobs', '30 2 * * *', 'select private.prune_jobs()');
select cron.schedule('reconcile-payments', '0 4 * * *', 'select private.enqueue(''reconcile_payments'')');
select cron.schedule('prune-contacts', '40 2 * * *', 'select private.prune_contacts()');
