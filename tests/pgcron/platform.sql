-- What a hosted project has and the other files of the platform leave to the local server's own
-- extensions: the real pg_cron, and the checker that `supabase db lint` calls.

create extension pg_cron with schema pg_catalog;
grant usage on schema cron to postgres with grant option;
grant execute on all functions in schema cron to postgres with grant option;
grant select on cron.job to postgres with grant option;

create extension plpgsql_check with schema extensions;
