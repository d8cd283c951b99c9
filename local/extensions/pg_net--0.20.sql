-- What migrations use of pg_net 0.20; arguments go by name. As in the real one all of it is
-- everybody's: what keeps visitors out is that the API does not serve this schema.

create schema net;

create unlogged table net.http_request_queue (
  id bigserial,
  method text not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds int not null
);

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out bool default false,
  error_msg text,
  created timestamptz not null default now()
);

-- Wakes the platform when the transaction commits, once however many calls it queued.
create function net._wake() returns trigger
language plpgsql set search_path = '' as $$ begin notify pg_net; return null; end $$;
create trigger wake after insert on net.http_request_queue
for each statement execute function net._wake();

create function net.http_post(
  url text, body jsonb default '{}', headers jsonb default '{"Content-Type": "application/json"}',
  timeout_milliseconds int default 5000, out request_id bigint
) language plpgsql set search_path = '' as $$
begin
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values ('POST', url, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
  returning id into request_id;
end $$;

grant usage on schema net to public;
grant all on all sequences in schema net to public;
grant all on all tables in schema net to public;
