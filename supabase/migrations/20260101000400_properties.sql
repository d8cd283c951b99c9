-- Properties: what hosts let, with images and blocked dates, and how guests find it.

create type public.property_status as enum ('draft', 'listed', 'archived');


-- Reference data --------------------------------------------------------------------------------

create table public.categories (
  slug text primary key,
  label text not null,
  position smallint not null,
  constraint slug_of_lower_case_words check (slug ~ '^[a-z]+(-[a-z]+)*$'),
  constraint position_is_unique unique (position)
);
comment on table public.categories is 'Kinds of homes, in the order in which a frontend shows them.';
alter table public.categories enable row level security;
grant select on public.categories to anon, authenticated, service_role;

create policy "Everyone reads categories"
  on public.categories for select to anon, authenticated
  using (true);

create table public.countries (
  code text primary key,
  name text not null,
  constraint code_of_two_capitals check (code ~ '^[A-Z]{2}$'),
  constraint country_name_is_unique unique (name)
);
comment on table public.countries is 'Countries by their ISO 3166-1 alpha-2 code, with English short names.';
alter table public.countries enable row level security;
grant select on public.countries to anon, authenticated, service_role;

create policy "Everyone reads countries"
  on public.countries for select to anon, authenticated
  using (true);

insert into public.categories (slug, label, position) values
  ('apartment', 'Apartment', 1),
  ('house', 'House', 2),
  ('cabin', 'Cabin', 3),
  ('villa', 'Villa', 4),
  ('beachfront', 'Beachfront', 5),
  ('lakefront', 'Lakefront', 6),
  ('countryside', 'Countryside', 7),
  ('city', 'In the city', 8),
  ('farm', 'Farm stay', 9),
  ('treehouse', 'Treehouse', 10),
  ('houseboat', 'Houseboat', 11),
  ('castle', 'Castle', 12);

insert into public.countries (code, name) values
  ('AD', 'Andorra'),
  ('AE', 'United Arab Emirates'),
  ('AF', 'Afghanistan'),
  ('AG', 'Antigua and Barbuda'),
  ('AI', 'Anguilla'),
  ('AL', 'Albania'),
  ('AM', 'Armenia'),
  ('AO', 'Angola'),
  ('AQ', 'Antarctica'),
  ('AR', 'Argentina'),
  ('AS', 'American Samoa'),
  ('AT', 'Austria'),
  ('AU', 'Australia'),
  ('AW', 'Aruba'),
  ('AX', 'Åland Islands'),
  ('AZ', 'Azerbaijan'),
  ('BA', 'Bosnia and Herzegovina'),
  ('BB', 'Barbados'),
  ('BD', 'Bangladesh'),
  ('BE', 'Belgium'),
  ('BF', 'Burkina Faso'),
  ('BG', 'Bulgaria'),
  ('BH', 'Bahrain'),
  ('BI', 'Burundi'),
  ('BJ', 'Benin'),
  ('BL', 'Saint Barthélemy'),
  ('BM', 'Bermuda'),
  ('BN', 'Brunei'),
  ('BO', 'Bolivia'),
  ('BQ', 'Caribbean Netherlands'),
  ('BR', 'Brazil'),
  ('BS', 'Bahamas'),
  ('BT', 'Bhutan'),
  ('BV', 'Bouvet Island'),
  ('BW', 'Botswana'),
  ('BY', 'Belarus'),
  ('BZ', 'Belize'),
  ('CA', 'Canada'),
  ('CC', 'Cocos (Keeling) Islands'),
  ('CD', 'Democratic Republic of the Congo'),
  ('CF', 'Central African Republic'),
  ('CG', 'Republic of the Congo'),
  ('CH', 'Switzerland'),
  ('CI', 'Côte d’Ivoire'),
  ('CK', 'Cook Islands'),
  ('CL', 'Chile'),
  ('CM', 'Cameroon'),
  ('CN', 'China'),
  ('CO', 'Colombia'),
  ('CR', 'Costa Rica'),
  ('CU', 'Cuba'),
  ('CV', 'Cape Verde'),
  ('CW', 'Curaçao'),
  ('CX', 'Christmas Island'),
  ('CY', 'Cyprus'),
  ('CZ', 'Czechia'),
  ('DE', 'Germany'),
  ('DJ', 'Djibouti'),
  ('DK', 'Denmark'),
  ('DM', 'Dominica'),
  ('DO', 'Dominican Republic'),
  ('DZ', 'Algeria'),
  ('EC', 'Ecuador'),
  ('EE', 'Estonia'),
  ('EG', 'Egypt'),
  ('EH', 'Western Sahara'),
  ('ER', 'Eritrea'),
  ('ES', 'Spain'),
  ('ET', 'Ethiopia'),
  ('FI', 'Finland'),
  ('FJ', 'Fiji'),
  ('FK', 'Falkland Islands'),
  ('FM', 'Micronesia'),
  ('FO', 'Faroe Islands'),
  ('FR', 'France'),
  ('GA', 'Gabon'),
  ('GB', 'United Kingdom'),
  ('GD', 'Grenada'),
  ('GE', 'Georgia'),
  ('GF', 'French Guiana'),
  ('GG', 'Guernsey'),
  ('GH', 'Ghana'),
  ('GI', 'Gibraltar'),
  ('GL', 'Greenland'),
  ('GM', 'Gambia'),
  ('GN', 'Guinea'),
  ('GP', 'Guadeloupe'),
  ('GQ', 'Equatorial Guinea'),
  ('GR', 'Greece'),
  ('GS', 'South Georgia and the South Sandwich Islands'),
  ('GT', 'Guatemala'),
  ('GU', 'Guam'),
  ('GW', 'Guinea-Bissau'),
  ('GY', 'Guyana'),
  ('HK', 'Hong Kong'),
  ('HM', 'Heard Island and McDonald Islands'),
  ('HN', 'Honduras'),
  ('HR', 'Croatia'),
  ('HT', 'Haiti'),
  ('HU', 'Hungary'),
  ('ID', 'Indonesia'),
  ('IE', 'Ireland'),
  ('IL', 'Israel'),
  ('IM', 'Isle of Man'),
  ('IN', 'India'),
  ('IO', 'British Indian Ocean Territory'),
  ('IQ', 'Iraq'),
  ('IR', 'Iran'),
  ('IS', 'Iceland'),
  ('IT', 'Italy'),
  ('JE', 'Jersey'),
  ('JM', 'Jamaica'),
  ('JO', 'Jordan'),
  ('JP', 'Japan'),
  ('KE', 'Kenya'),
  ('KG', 'Kyrgyzstan'),
  ('KH', 'Cambodia'),
  ('KI', 'Kiribati'),
  ('KM', 'Comoros'),
  ('KN', 'Saint Kitts and Nevis'),
  ('KP', 'North Korea'),
  ('KR', 'South Korea'),
  ('KW', 'Kuwait'),
  ('KY', 'Cayman Islands'),
  ('KZ', 'Kazakhstan'),
  ('LA', 'Laos'),
  ('LB', 'Lebanon'),
  ('LC', 'Saint Lucia'),
  ('LI', 'Liechtenstein'),
  ('LK', 'Sri Lanka'),
  ('LR', 'Liberia'),
  ('LS', 'Lesotho'),
  ('LT', 'Lithuania'),
  ('LU', 'Luxembourg'),
  ('LV', 'Latvia'),
  ('LY', 'Libya'),
  ('MA', 'Morocco'),
  ('MC', 'Monaco'),
  ('MD', 'Moldova'),
  ('ME', 'Montenegro'),
  ('MF', 'Saint Martin'),
  ('MG', 'Madagascar'),
  ('MH', 'Marshall Islands'),
  ('MK', 'North Macedonia'),
  ('ML', 'Mali'),
  ('MM', 'Myanmar'),
  ('MN', 'Mongolia'),
  ('MO', 'Macao'),
  ('MP', 'Northern Mariana Islands'),
  ('MQ', 'Martinique'),
  ('MR', 'Mauritania'),
  ('MS', 'Montserrat'),
  ('MT', 'Malta'),
  ('MU', 'Mauritius'),
  ('MV', 'Maldives'),
  ('MW', 'Malawi'),
  ('MX', 'Mexico'),
  ('MY', 'Malaysia'),
  ('MZ', 'Mozambique'),
  ('NA', 'Namibia'),
  ('NC', 'New Caledonia'),
  ('NE', 'Niger'),
  ('NF', 'Norfolk Island'),
  ('NG', 'Nigeria'),
  ('NI', 'Nicaragua'),
  ('NL', 'Netherlands'),
  ('NO', 'Norway'),
  ('NP', 'Nepal'),
  ('NR', 'Nauru'),
  ('NU', 'Niue'),
  ('NZ', 'New Zealand'),
  ('OM', 'Oman'),
  ('PA', 'Panama'),
  ('PE', 'Peru'),
  ('PF', 'French Polynesia'),
  ('PG', 'Papua New Guinea'),
  ('PH', 'Philippines'),
  ('PK', 'Pakistan'),
  ('PL', 'Poland'),
  ('PM', 'Saint Pierre and Miquelon'),
  ('PN', 'Pitcairn'),
  ('PR', 'Puerto Rico'),
  ('PS', 'Palestine'),
  ('PT', 'Portugal'),
  ('PW', 'Palau'),
  ('PY', 'Paraguay'),
  ('QA', 'Qatar'),
  ('RE', 'Réunion'),
  ('RO', 'Romania'),
  ('RS', 'Serbia'),
  ('RU', 'Russia'),
  ('RW', 'Rwanda'),
  ('SA', 'Saudi Arabia'),
  ('SB', 'Solomon Islands'),
  ('SC', 'Seychelles'),
  ('SD', 'Sudan'),
  ('SE', 'Sweden'),
  ('SG', 'Singapore'),
  ('SH', 'Saint Helena, Ascension and Tristan da Cunha'),
  ('SI', 'Slovenia'),
  ('SJ', 'Svalbard and Jan Mayen'),
  ('SK', 'Slovakia'),
  ('SL', 'Sierra Leone'),
  ('SM', 'San Marino'),
  ('SN', 'Senegal'),
  ('SO', 'Somalia'),
  ('SR', 'Suriname'),
  ('SS', 'South Sudan'),
  ('ST', 'São Tomé and Príncipe'),
  ('SV', 'El Salvador'),
  ('SX', 'Sint Maarten'),
  ('SY', 'Syria'),
  ('SZ', 'Eswatini'),
  ('TC', 'Turks and Caicos Islands'),
  ('TD', 'Chad'),
  ('TF', 'French Southern Territories'),
  ('TG', 'Togo'),
  ('TH', 'Thailand'),
  ('TJ', 'Tajikistan'),
  ('TK', 'Tokelau'),
  ('TL', 'Timor-Leste'),
  ('TM', 'Turkmenistan'),
  ('TN', 'Tunisia'),
  ('TO', 'Tonga'),
  ('TR', 'Türkiye'),
  ('TT', 'Trinidad and Tobago'),
  ('TV', 'Tuvalu'),
  ('TW', 'Taiwan'),
  ('TZ', 'Tanzania'),
  ('UA', 'Ukraine'),
  ('UG', 'Uganda'),
  ('UM', 'United States Minor Outlying Islands'),
  ('US', 'United States'),
  ('UY', 'Uruguay'),
  ('UZ', 'Uzbekistan'),
  ('VA', 'Vatican City'),
  ('VC', 'Saint Vincent and the Grenadines'),
  ('VE', 'Venezuela'),
  ('VG', 'British Virgin Islands'),
  ('VI', 'U.S. Virgin Islands'),
  ('VN', 'Vietnam'),
  ('VU', 'Vanuatu'),
  ('WF', 'Wallis and Futuna'),
  ('WS', 'Samoa'),
  ('YE', 'Yemen'),
  ('YT', 'Mayotte'),
  ('ZA', 'South Africa'),
  ('ZM', 'Zambia'),
  ('ZW', 'Zimbabwe');


-- Listings --------------------------------------------------------------------------------------

create table public.properties (
  id uuid primary key default gen_random_uuid(),
  host_id uuid not null default auth.uid() references public.profiles (id),
  title text not null,
  description text not null default '',
  category text not null references public.categories (slug),
  country_code text not null references public.countries (code),
  city text not null,
  price_per_night integer not null,
  currency text not null default 'usd',
  bedrooms smallint not null default 1,
  bathrooms smallint not null default 1,
  guests smallint not null default 2,
  status public.property_status not null default 'listed',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint title_of_1_to_255_characters check (char_length(btrim(title)) >= 1 and char_length(title) <= 255),
  constraint title_without_control_characters
    check (title !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]'),
  constraint description_up_to_10000_characters check (char_length(description) <= 10000),
  constraint city_of_1_to_255_characters check (char_length(btrim(city)) >= 1 and char_length(city) <= 255),
  constraint city_without_control_characters
    check (city !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]'),
  -- Stripe takes at most 999,999.99 in one payment.
  constraint price_per_night_above_zero check (price_per_night between 1 and 99999999),
  constraint currency_is_usd check (currency = 'usd'),
  constraint bedrooms_from_0_to_50 check (bedrooms between 0 and 50),
  constraint bathrooms_from_0_to_50 check (bathrooms between 0 and 50),
  constraint guests_from_1_to_50 check (guests between 1 and 50)
);
comment on table public.properties is 'Homes that hosts let. Listed ones are for everyone to see; drafts and archived ones for host and staff.';
comment on column public.properties.price_per_night is 'In the currency''s minor unit (cents).';
comment on column public.properties.currency is 'As Stripe writes it, in lower case.';
comment on column public.properties.guests is 'How many may stay.';
create index properties_of_host on public.properties (host_id, created_at desc);
create index properties_newest on public.properties (created_at desc, id desc) where status = 'listed';
create index properties_by_price on public.properties (price_per_night, id) where status = 'listed';
create index properties_of_country on public.properties (country_code, created_at desc, id desc) where status = 'listed';
create index properties_of_category on public.properties (category, created_at desc, id desc) where status = 'listed';

create trigger touch_updated_at
  before update on public.properties
  for each row execute function private.touch_updated_at();

alter table public.properties enable row level security;
grant select, delete on public.properties to authenticated;
grant select on public.properties to anon, service_role;
grant insert (host_id, title, description, category, country_code, city, price_per_night, currency, bedrooms, bathrooms, guests, status)
  on public.properties to authenticated;
grant update (title, description, category, country_code, city, price_per_night, currency, bedrooms, bathrooms, guests, status)
  on public.properties to authenticated;

create policy "Visitors read listed properties"
  on public.properties for select to anon
  using (status = 'listed');

create policy "Users read listed properties and hosts theirs and staff all"
  on public.properties for select to authenticated
  using (
    status = 'listed'
    or host_id = (select auth.uid())
    or (select private.has_role('customer_service', 'admin'))
  );

create policy "Users list their own properties and admins anybody's"
  on public.properties for insert to authenticated
  with check (host_id = (select auth.uid()) or (select private.has_role('admin')));

create policy "Hosts change their own properties and admins all"
  on public.properties for update to authenticated
  using (host_id = (select auth.uid()) or (select private.has_role('admin')))
  with check (host_id = (select auth.uid()) or (select private.has_role('admin')));

create policy "Hosts delete their own properties and admins all"
  on public.properties for delete to authenticated
  using (host_id = (select auth.uid()) or (select private.has_role('admin')));

create function private.my_property_ids()
returns setof uuid
language sql stable
security definer -- is asked by policies of tables below, without the policies of this one
set search_path = ''
as $$ select id from public.properties where host_id = (select auth.uid()) $$;
comment on function private.my_property_ids is 'The caller''s own properties. In a policy: property_id in (select private.my_property_ids()).';
grant execute on function private.my_property_ids to authenticated, service_role;

create function private.welcome_property()
returns trigger
language plpgsql
security definer -- reads the host's address
set search_path = ''
as $$
begin
  perform private.send_mail(
    'property_created', u.email, p.name,
    jsonb_build_object(
      'recipient_name', p.name, 'property_id', new.id, 'property_title', new.title,
      'city', new.city, 'country_name', c.name
    ),
    'property_created:' || new.id
  )
  from public.profiles p
  join auth.users u on u.id = p.id
  join public.countries c on c.code = new.country_code
  where p.id = new.host_id;
  return null;
end;
$$;
comment on function private.welcome_property is 'After insert: a mail to the host.';

create trigger welcome_property
  after insert on public.properties
  for each row execute function private.welcome_property();


create function private.close_listings()
returns trigger
language plpgsql
security definer -- runs as the auth service, which owns none of these tables
set search_path = ''
as $$
declare
  listing uuid;
begin
  for listing in select id from public.properties where host_id = old.id loop
    begin
      delete from public.properties where id = listing;
    exception when sqlstate 'PT409' or foreign_key_violation then
      -- Somebody booked it: it stays for their sake, out of sight of everyone else.
      update public.properties set status = 'archived' where id = listing;
    end;
  end loop;
  return old;
end;
$$;
comment on function private.close_listings is 'Before an account is deleted: its properties go, or are archived where bookings need them.';

create trigger close_listings
  before delete on auth.users
  for each row execute function private.close_listings();


-- Images ----------------------------------------------------------------------------------------

create table public.property_images (
  id uuid primary key default gen_random_uuid(),
  property_id uuid not null references public.properties (id) on delete cascade,
  path text not null,
  alt_text text not null default '',
  position smallint not null default -1,
  created_at timestamptz not null default now(),
  constraint path_is_unique unique (path),
  constraint path_in_the_propertys_folder check (path ~ ('^[0-9a-f-]{36}/' || property_id || '/[^/]+$')),
  constraint alt_text_up_to_1000_characters check (char_length(alt_text) <= 1000),
  constraint position_not_below_0 check (position >= 0),
  -- Deferrable, so that two images can change places in one statement.
  constraint one_image_a_position unique (property_id, position) deferrable initially immediate
);
comment on table public.property_images is 'Pictures of a property; position 0 is the cover. At most 20.';
comment on column public.property_images.path is 'A file in the bucket property-images: <host id>/<property id>/<file>.';
comment on column public.property_images.position is 'Counts from 0, the cover. One that is not given is after the others.';

alter table public.property_images enable row level security;
grant select, delete on public.property_images to authenticated;
grant select on public.property_images to anon, service_role;
grant insert (property_id, path, alt_text, position) on public.property_images to authenticated;
grant update (alt_text, position) on public.property_images to authenticated;

create policy "Images are seen with their property"
  on public.property_images for select to anon, authenticated
  using (exists (select from public.properties p where p.id = property_id));

create policy "Hosts add images to their own properties"
  on public.property_images for insert to authenticated
  with check (
    property_id in (select private.my_property_ids())
    and split_part(path, '/', 1) = (select auth.uid())::text
  );

create policy "Hosts change their own images"
  on public.property_images for update to authenticated
  using (property_id in (select private.my_property_ids()))
  with check (property_id in (select private.my_property_ids()));

create policy "Hosts and admins delete images"
  on public.property_images for delete to authenticated
  using (property_id in (select private.my_property_ids()) or (select private.has_role('admin')));

create function public.url(image public.property_images)
returns text
language sql stable
-- Parsed when it is made: whoever reads the column need not enter private.
return private.public_file_url('property-images', image.path);
comment on function public.url is 'Computed column: the public address of the picture.';
grant execute on function public.url to anon, authenticated, service_role;

create function private.place_image()
returns trigger
language plpgsql
security definer -- locks and reads whatever the caller may see
set search_path = ''
as $$
begin
  -- Uploads side by side wait for each other: each gets a place, and no two are the twentieth.
  perform from public.properties where id = new.property_id for no key update;
  if new.position = -1 then
    select coalesce(max(i.position) + 1, 0) into new.position
    from public.property_images i
    where i.property_id = new.property_id;
  end if;
  return new;
end;
$$;
comment on function private.place_image is 'Before insert: an image without a position goes after the others.';

create trigger place_image
  before insert on public.property_images
  for each row execute function private.place_image();

create function private.limit_images()
returns trigger
language plpgsql
security definer -- counts whatever the caller may see
set search_path = ''
as $$
begin
  if (select count(*) from public.property_images where property_id = new.property_id) > 20 then
    perform private.refuse(409, 'too_many_images', 'A property has at most 20 images.');
  end if;
  return null;
end;
$$;
comment on function private.limit_images is
  'After insert, when it is known that the caller may: at most 20 images a property.';

create trigger limit_images
  after insert on public.property_images
  for each row execute function private.limit_images();

create function public.order_images(property_id uuid, image_ids uuid[])
returns setof public.property_images
language sql
set search_path = ''
as $$
  with moved as (
    update public.property_images i set position = place.at - 1
    from unnest(image_ids) with ordinality as place (id, at)
    where i.id = place.id and i.property_id = order_images.property_id
    returning i.*
  )
  select * from moved order by position
$$;
comment on function public.order_images is
  'Puts the images of an own property in this order, the first one as the cover. Name all of them. Returns what was moved.';
grant execute on function public.order_images to authenticated;

create function private.remove_image_file()
returns trigger
language plpgsql
security definer -- queues
set search_path = ''
as $$
begin
  perform private.remove_file('property-images', old.path);
  return null;
end;
$$;
comment on function private.remove_image_file is 'After delete: the file goes too, in the background.';

create trigger remove_image_file
  after delete on public.property_images
  for each row execute function private.remove_image_file();

create function private.remove_unused_files()
returns trigger
language plpgsql
security definer -- reads the tables of Storage, and queues
set search_path = ''
as $$
begin
  perform private.remove_file(o.bucket_id, o.name)
  from storage.objects o
  where o.bucket_id = 'property-images'
    and o.name like old.host_id || '/' || old.id || '/%'
    and not exists (select from public.property_images i where i.path = o.name);
  return old;
end;
$$;
comment on function private.remove_unused_files is
  'Before a property is deleted: files that were uploaded and never became an image go, in the background.';

create trigger remove_unused_files
  before delete on public.properties
  for each row execute function private.remove_unused_files();

create policy "Hosts list their own image files"
  on storage.objects for select to authenticated
  using (bucket_id = 'property-images' and (storage.foldername(name))[1] = (select auth.uid())::text);

create policy "Hosts upload images of their own properties"
  on storage.objects for insert to authenticated
  with check (
    bucket_id = 'property-images'
    and (storage.foldername(name))[1] = (select auth.uid())::text
    and array_length(storage.foldername(name), 1) = 2
    and (storage.foldername(name))[2] in (select private.my_property_ids()::text)
  );

create policy "Hosts replace their own image files"
  on storage.objects for update to authenticated
  using (bucket_id = 'property-images' and (storage.foldername(name))[1] = (select auth.uid())::text)
  with check (
    bucket_id = 'property-images'
    and (storage.foldername(name))[1] = (select auth.uid())::text
    and array_length(storage.foldername(name), 1) = 2
    and (storage.foldername(name))[2] in (select private.my_property_ids()::text)
  );

create policy "Hosts delete their own image files"
  on storage.objects for delete to authenticated
  using (bucket_id = 'property-images' and (storage.foldername(name))[1] = (select auth.uid())::text);


-- What is taken ---------------------------------------------------------------------------------

create table private.occupancies (
  property_id uuid not null references public.properties (id) on delete cascade,
  nights daterange not null,
  source_id uuid primary key,
  hold_expires_at timestamptz,
  constraint nights_are_bounded check (not isempty(nights) and not lower_inf(nights) and not upper_inf(nights)),
  constraint no_night_is_taken_twice
    exclude using gist (property_id with =, nights with &&)
);
comment on table private.occupancies is
  'The nights that are taken, by reservations and by blocks alike, so that one constraint keeps them apart. '
  'Kept by triggers of both.';
comment on column private.occupancies.source_id is 'The reservation or the block.';
comment on column private.occupancies.hold_expires_at is 'When a hold lapses; null for what is firm. A lapsed one takes nothing.';
alter table private.occupancies enable row level security;

create function private.refuse_taken_dates()
returns void
language sql
set search_path = ''
as $$ select private.refuse(409, 'dates_unavailable', 'These dates are no longer available.') $$;
comment on function private.refuse_taken_dates is 'The one refusal for nights that somebody else has.';

create function private.occupy(property_id uuid, nights daterange, source_id uuid, hold_expires_at timestamptz)
returns boolean
language plpgsql
security definer -- nobody writes occupancies but through here
set search_path = ''
as $$
begin
  -- Whoever takes nights of a property waits for whoever else does. So what is seen here still holds
  -- at the insert, and two inserts never wait for each other inside the exclusion constraint.
  perform from public.properties p where p.id = occupy.property_id for no key update;

  delete from private.occupancies o
  where o.property_id = occupy.property_id
    and o.nights && occupy.nights
    and o.hold_expires_at <= now();

  insert into private.occupancies (property_id, nights, source_id, hold_expires_at)
  select occupy.property_id, occupy.nights, occupy.source_id, occupy.hold_expires_at
  where not exists (
    select from private.occupancies o
    where o.property_id = occupy.property_id and o.nights && occupy.nights
  );
  return found;
end;
$$;
comment on function private.occupy is
  'Takes nights of a property, those of lapsed holds included. False when somebody else has one of them.';

create function public.unavailable_ranges(property_id uuid, from_date date, to_date date)
returns table (check_in date, check_out date)
language plpgsql stable
security definer -- shows what is taken and nothing about who took it
set search_path = ''
as $$
begin
  if from_date is null or to_date is null or not isfinite(from_date) or not isfinite(to_date)
    or from_date >= to_date or to_date - from_date > 1100
  then
    perform private.refuse(400, 'invalid_dates', 'Please give a from_date before to_date, at most three years apart.');
  end if;

  return query
  select lower(merged.nights), upper(merged.nights)
  from (
    select unnest(range_agg(o.nights * daterange(from_date, to_date))) as nights
    from private.occupancies o
    where o.property_id = unavailable_ranges.property_id
      and o.nights && daterange(from_date, to_date)
      and (o.hold_expires_at is null or o.hold_expires_at > now())
      and exists (
        select from public.properties p
        where p.id = o.property_id
          and (p.status = 'listed' or p.host_id = (select auth.uid()) or private.has_role('customer_service', 'admin'))
      )
  ) merged
  order by merged.nights;
end;
$$;
comment on function public.unavailable_ranges is
  'The nights of a property that are taken between two dates, merged and in order. Holds count for as long as they live.';
grant execute on function public.unavailable_ranges to anon, authenticated;


-- Blocks ----------------------------------------------------------------------------------------

create table public.property_blocks (
  id uuid primary key default gen_random_uuid(),
  property_id uuid not null references public.properties (id) on delete cascade,
  check_in date not null,
  check_out date not null,
  note text not null default '',
  created_at timestamptz not null default now(),
  constraint check_out_after_check_in check (check_out > check_in),
  constraint dates_are_finite check (isfinite(check_in) and isfinite(check_out)),
  constraint note_up_to_1000_characters check (char_length(note) <= 1000)
);
comment on table public.property_blocks is 'Nights from check_in up to, not including, check_out that the host keeps free. The host''s alone.';
create index property_blocks_of_property on public.property_blocks (property_id, check_in);

alter table public.property_blocks enable row level security;
grant select, delete on public.property_blocks to authenticated;
grant select on public.property_blocks to service_role;
grant insert (property_id, check_in, check_out, note) on public.property_blocks to authenticated;
grant update (check_in, check_out, note) on public.property_blocks to authenticated;

create policy "Hosts read their own blocks"
  on public.property_blocks for select to authenticated
  using (property_id in (select private.my_property_ids()));

create policy "Hosts block dates of their own properties"
  on public.property_blocks for insert to authenticated
  with check (property_id in (select private.my_property_ids()));

create policy "Hosts change their own blocks"
  on public.property_blocks for update to authenticated
  using (property_id in (select private.my_property_ids()))
  with check (property_id in (select private.my_property_ids()));

create policy "Hosts delete their own blocks"
  on public.property_blocks for delete to authenticated
  using (property_id in (select private.my_property_ids()));

create function private.occupy_block()
returns trigger
language plpgsql
security definer -- nobody writes occupancies but through private.occupy
set search_path = ''
as $$
begin
  if tg_op in ('UPDATE', 'DELETE') then
    delete from private.occupancies where source_id = old.id;
  end if;
  if tg_op in ('INSERT', 'UPDATE')
    and not private.occupy(new.property_id, daterange(new.check_in, new.check_out), new.id, null)
  then
    perform private.refuse_taken_dates();
  end if;
  return null;
end;
$$;
comment on function private.occupy_block is 'After any change of a block: takes or frees its nights.';

create trigger occupy_block
  after insert or delete or update of check_in, check_out on public.property_blocks
  for each row execute function private.occupy_block();


-- Favorites -------------------------------------------------------------------------------------

create table public.favorites (
  -- Not to profiles: with both keys in its primary key this table would be a junction to PostgREST,
  -- and an embedded host:profiles(…) of a property could mean its fans.
  user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
  property_id uuid not null references public.properties (id) on delete cascade,
  created_at timestamptz not null default now(),
  primary key (user_id, property_id)
);
comment on table public.favorites is 'What a guest likes; nobody else sees it.';
create index favorites_of_property on public.favorites (property_id);

alter table public.favorites enable row level security;
grant select, delete on public.favorites to authenticated;
grant select on public.favorites to service_role;
grant insert (user_id, property_id) on public.favorites to authenticated;

create policy "People read their own favorites"
  on public.favorites for select to authenticated
  using (user_id = (select auth.uid()));

create policy "People add favorites that they can see"
  on public.favorites for insert to authenticated
  with check (
    user_id = (select auth.uid())
    and exists (select from public.properties p where p.id = property_id)
  );

create policy "People remove their own favorites"
  on public.favorites for delete to authenticated
  using (user_id = (select auth.uid()));

create function public.toggle_favorite(property_id uuid)
returns boolean
language plpgsql
security definer -- asks helpers in private, and says itself what is seen
set search_path = ''
as $$
declare
  caller uuid := private.require_user();
begin
  delete from public.favorites f where f.user_id = caller and f.property_id = toggle_favorite.property_id;
  if found then
    return false;
  end if;
  if not exists (
    select from public.properties p
    where p.id = toggle_favorite.property_id
      and (p.status = 'listed' or p.host_id = caller or private.has_role('customer_service', 'admin'))
  ) then
    perform private.refuse(404, 'not_found', 'There is no such property.');
  end if;
  insert into public.favorites (user_id, property_id)
  values (caller, toggle_favorite.property_id)
  on conflict do nothing;
  return true;
end;
$$;
comment on function public.toggle_favorite is 'True when the property is a favorite now, else false. 404 not_found.';
grant execute on function public.toggle_favorite to authenticated;


-- Search ----------------------------------------------------------------------------------------

create function private.search_words(raw text)
returns text[]
language sql immutable parallel safe
-- Split by hand rather than by a text search parser, so that a query is split as the text was,
-- and no input means anything special. The ICU collation knows the letters of every script.
return (
  select coalesce(array_agg(distinct left(word, 60)), '{}')
  from regexp_split_to_table(
    lower(extensions.unaccent('extensions.unaccent'::regdictionary, raw) collate "und-x-icu"),
    '[^[:alnum:]]+'
  ) as word
  where word <> ''
);
comment on function private.search_words is 'The distinct words of a text, in lower case and without accents.';

create function private.search_vector(title text, description text, city text)
returns tsvector
language sql immutable parallel safe
-- Parsed when it is made: whoever changes a property need not enter private.
return array_to_tsvector(private.search_words(title || ' ' || city || ' ' || description));
comment on function private.search_vector is 'What free text search looks at.';
-- The index on it is kept up by whoever changes a property.
grant execute on function private.search_vector to authenticated, service_role;
grant execute on function private.search_words to authenticated, service_role;

create function private.search_prefixes(query text)
returns tsquery
language sql immutable parallel safe
set search_path = ''
as $$
  select string_agg(quote_literal(word) || ':*', ' & ')::tsquery
  from (
    select word from unnest(private.search_words(left(query, 500))) as word limit 12
  ) words
$$;
comment on function private.search_prefixes is
  'Each word of what somebody typed as the start of a word, all of them to be found. Null when there is none.';

create function private.decode_cursor(page_cursor text, out sort_key text, out id uuid)
language plpgsql immutable
set search_path = ''
as $$
begin
  select parts[1], parts[2]::uuid into strict sort_key, id
  from string_to_array(page_cursor, '~') as parts;
  if sort_key is null or id is null then
    raise data_exception;
  end if;
exception when others then
  perform private.refuse(400, 'invalid_cursor', 'This page_cursor is not one that a search has given out.');
end;
$$;
comment on function private.decode_cursor is 'The place after which a page begins: <sort key>~<id>.';

create function private.check_search(
  country text, category text, guests integer, bedrooms integer, bathrooms integer,
  min_price integer, max_price integer, check_in date, check_out date,
  favorites_only boolean, sort text, page_size integer
)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  if page_size is null or page_size not between 1 and 100 then
    perform private.refuse(400, 'invalid_page_size', 'A page has 1 to 100 rows.');
  elsif sort is null or sort not in ('newest', 'price_asc', 'price_desc') then
    perform private.refuse(400, 'invalid_sort', 'Sort by newest, price_asc or price_desc.');
  elsif country is not null and country !~ '^[A-Z]{2}$' then
    perform private.refuse(400, 'invalid_country', 'A country is its two-letter code in capitals, e.g. FR.');
  elsif category is not null and category !~ '^[a-z]+(-[a-z]+)*$' then
    perform private.refuse(400, 'invalid_category', 'A category is its slug, e.g. cabin.');
  elsif least(guests, bedrooms, bathrooms, min_price, max_price) < 0 then
    perform private.refuse(400, 'invalid_filter', 'Guests, bedrooms, bathrooms and prices are not below zero.');
  elsif min_price > max_price then
    perform private.refuse(400, 'invalid_prices', 'The lowest price is above the highest one.');
  elsif (check_in is null) <> (check_out is null) then
    perform private.refuse(400, 'invalid_dates', 'Please give both check_in and check_out, or neither.');
  elsif not isfinite(check_in) or not isfinite(check_out) or check_out <= check_in or check_out - check_in > 365 then
    perform private.refuse(400, 'invalid_dates', 'Check-out is 1 to 365 nights after check-in.');
  elsif favorites_only and (select auth.uid()) is null then
    perform private.refuse(401, 'not_signed_in', 'Please sign in to see your favorites.');
  end if;
end;
$$;
comment on function private.check_search is 'Refuses with 400 what cannot be searched for.';

create type public.property_result as (
  id uuid,
  title text,
  country_code text,
  city text,
  category text,
  price_per_night integer,
  currency text,
  bedrooms smallint,
  bathrooms smallint,
  guests smallint,
  host_id uuid,
  host_name text,
  cover_url text,
  is_favorite boolean,
  created_at timestamptz,
  page_cursor text
);
comment on type public.property_result is 'A property as a list of results shows it. page_cursor asks for the page after it.';

create function public.search_properties(
  query text default null,
  country text default null,
  category text default null,
  guests integer default null,
  bedrooms integer default null,
  bathrooms integer default null,
  min_price integer default null,
  max_price integer default null,
  check_in date default null,
  check_out date default null,
  host uuid default null,
  favorites_only boolean default false,
  sort text default 'newest',
  page_size integer default 24,
  page_cursor text default null
)
returns setof public.property_result
language plpgsql stable
security definer -- says itself what is seen (listed ones alone), so that a policy need not be asked for each row
set search_path = ''
as $$
declare
  words tsquery := private.search_prefixes(query);
  after_key text;
  after_id uuid;
  conditions text[] := array['p.status = ''listed'''];
  sort_column text := case sort when 'newest' then 'p.created_at' else 'p.price_per_night' end;
  direction text := case sort when 'price_asc' then 'asc' else 'desc' end;
begin
  perform private.check_search(
    country, category, guests, bedrooms, bathrooms, min_price, max_price,
    check_in, check_out, favorites_only, sort, page_size
  );
  if btrim(query) <> '' and words is null then
    return; -- nothing in it that could be found
  end if;

  -- Only what is asked for becomes part of the statement, so that each search is planned for itself.
  if words is not null then
    conditions := conditions || 'private.search_vector(p.title, p.description, p.city) @@ $1'::text;
  end if;
  if country is not null then conditions := conditions || 'p.country_code = $2'::text; end if;
  if category is not null then conditions := conditions || 'p.category = $3'::text; end if;
  if guests is not null then conditions := conditions || 'p.guests >= $4'::text; end if;
  if bedrooms is not null then conditions := conditions || 'p.bedrooms >= $5'::text; end if;
  if bathrooms is not null then conditions := conditions || 'p.bathrooms >= $6'::text; end if;
  if min_price is not null then conditions := conditions || 'p.price_per_night >= $7'::text; end if;
  if max_price is not null then conditions := conditions || 'p.price_per_night <= $8'::text; end if;
  if host is not null then conditions := conditions || 'p.host_id = $9'::text; end if;
  if favorites_only then
    conditions := conditions || 'p.id in (select f.property_id from public.favorites f where f.user_id = $10)'::text;
  end if;
  if check_in is not null then
    conditions := conditions || 'not exists (
      select from private.occupancies o
      where o.property_id = p.id
        and o.nights && $11
        and (o.hold_expires_at is null or o.hold_expires_at > now())
    )'::text;
  end if;
  if page_cursor is not null then
    select d.sort_key, d.id into after_key, after_id from private.decode_cursor(page_cursor) d;
    conditions := conditions || format(
      '(%s, p.id) %s (%s, $13)',
      sort_column,
      case direction when 'asc' then '>' else '<' end,
      case sort
        when 'newest' then 'timestamptz ''epoch'' + $12::bigint * interval ''1 microsecond'''
        else '$12::integer'
      end
    );
  end if;

  return query execute format(
    $sql$
      select p.id, p.title, p.country_code, p.city, p.category, p.price_per_night, p.currency,
        p.bedrooms, p.bathrooms, p.guests, p.host_id, h.name, $14 || cover.path,
        exists (select from public.favorites f where f.user_id = $10 and f.property_id = p.id),
        p.created_at,
        %1$s || '~' || p.id
      from (
        select p.* from public.properties p where %2$s order by %3$s %4$s, p.id %4$s limit $15
      ) p
      join public.profiles h on h.id = p.host_id
      left join lateral (
        select i.path from public.property_images i where i.property_id = p.id order by i.position limit 1
      ) cover on true
      order by %3$s %4$s, p.id %4$s
    $sql$,
    case sort when 'newest' then '(extract(epoch from p.created_at) * 1000000)::bigint' else 'p.price_per_night' end,
    array_to_string(conditions, ' and '),
    sort_column,
    direction
  )
  using words, country, category, guests, bedrooms, bathrooms, min_price, max_price, host,
    (select auth.uid()), daterange(check_in, check_out), after_key, after_id,
    private.project_url() || '/storage/v1/object/public/property-images/', page_size;
end;
$$;
comment on function public.search_properties is
  'Listed properties that fit all arguments given. Dates: free for all those nights. sort: newest, price_asc, price_desc. '
  'Pages of 1 to 100; the page_cursor of the last row asks for the next page. 400 with invalid_… for what cannot be searched for.';
grant execute on function public.search_properties to anon, authenticated, service_role;

create index properties_by_words on public.properties
  using gin (private.search_vector(title, description, city)) where status = 'listed';
