-- The tables and functions of pg_net 0.20, with its grants: like the real one's they go to
-- everybody, and what keeps the API out is that it does not serve this schema.

create schema net;

create domain net.http_method as text check (value ilike any (array['get', 'post', 'delete']));

create unlogged table net.http_request_queue (
  id bigserial,
  method net.http_method not null,
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
  timed_out bool,
  error_msg text,
  created timestamptz not null default now()
);
create index on net._http_response (created);

-- Wakes the caller of the queue when the transaction commits, once however often it is called.
create function net.wake() returns void language plpgsql set search_path = '' as $$
begin
  notify pg_net;
end $$;

create function net._urlencode_string(string varchar) returns text
language sql immutable set search_path = '' as $$
  select coalesce(string_agg(
    case when c ~ '[A-Za-z0-9._~-]' then c
      else regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '(..)', '%\1', 'g')
    end, '' order by position), '')
  from regexp_split_to_table(string, '') with ordinality as characters (c, position)
$$;

create function net._encode_url_with_params_array(url text, params_array text[]) returns text
language sql immutable set search_path = '' as $$
  select case when params_array = '{}' then url
    else url || case when url like '%?%' then '&' else '?' end || array_to_string(params_array, '&')
  end
$$;

create function net._enqueue(
  method text, url text, params jsonb, headers jsonb, body jsonb, timeout_milliseconds int
) returns bigint
language plpgsql set search_path = '' as $$
declare
  request_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  select _enqueue.method,
    net._encode_url_with_params_array(_enqueue.url, coalesce(array_agg(
      net._urlencode_string(key) || '=' || net._urlencode_string(value)
    ) filter (where key is not null), '{}')),
    _enqueue.headers, convert_to(_enqueue.body::text, 'UTF8'), _enqueue.timeout_milliseconds
  from (values (1)) as once left join jsonb_each_text(params) on true
  returning id into request_id;
  perform net.wake();
  return request_id;
end $$;

create function net.http_get(
  url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds int default 5000
) returns bigint language sql set search_path = '' as $$
  select net._enqueue('GET', url, params, headers, null, timeout_milliseconds)
$$;

create function net.http_post(
  url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}',
  timeout_milliseconds int default 5000
) returns bigint language plpgsql set search_path = '' as $$
declare
  content_type text := (select value from jsonb_each_text(headers) where lower(key) = 'content-type');
begin
  if content_type is null then
    headers := coalesce(headers, '{}') || '{"Content-Type": "application/json"}';
  elsif content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  return net._enqueue('POST', url, params, headers, body, timeout_milliseconds);
end $$;

create function net.http_delete(
  url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds int default 5000, body jsonb default null
) returns bigint language sql set search_path = '' as $$
  select net._enqueue('DELETE', url, params, headers, body, timeout_milliseconds)
$$;

grant usage on schema net to public;
grant all on all sequences in schema net to public;
grant all on all tables in schema net to public;
