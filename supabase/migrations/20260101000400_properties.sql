-- Properties: what hosts let, with images and blocked dates, and how guests find it.

create type public.property_status as enum ('draft', 'listed', 'archived');
comment on type public.property_status is
  'draft: not yet for others to see; listed: found and booked; archived: off the market, kept for the sake of its bookings.';


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
  constraint title_of_1_to_255_characters check (private.trimmed(title) <> '' and char_length(title) <= 255),
  constraint title_without_control_characters check (private.is_one_line(title)),
  constraint description_up_to_10000_characters check (char_length(description) <= 10000),
  constraint city_of_1_to_255_characters check (private.trimmed(city) <> '' and char_length(city) <= 255),
  constraint city_without_control_characters check (private.is_one_line(city)),
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
    or (select private.is_staff())
  );

create policy "Users list their own properties and admins anybody's"
  on public.properties for insert to authenticated
  with check (host_id = (select private.account_id()) or (select private.has_role('admin')));

create policy "Hosts change their own properties and admins all"
  on public.properties for update to authenticated
  using (host_id = (select private.account_id()) or (select private.has_role('admin')))
  with check (host_id = (select private.account_id()) or (select private.has_role('admin')));

create policy "Hosts delete their own properties and admins all"
  on public.properties for delete to authenticated
  using (host_id = (select private.account_id()) or (select private.has_role('admin')));

create function private.my_property_ids()
returns setof uuid
language sql stable
security definer -- is asked by policies of tables below, without the policies of this one
set search_path = ''
as $$ select id from public.properties where host_id = (select private.account_id()) $$;
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
  return coalesce(new, old);
end;
$$;
comment on function private.close_listings is 'Before an account is deleted: its properties go, or are archived where bookings need them.';

create trigger close_listings
  before delete on auth.users
  for each row execute function private.close_listings();

create trigger close_listings_softly
  before update of deleted_at on auth.users
  for each row when (old.deleted_at is null and new.deleted_at is not null)
  execute function private.close_listings();

create function private.limit_listings()
returns trigger
language plpgsql
security definer -- counts whatever the caller may see
set search_path = ''
as $$
begin
  if (
    select count(*) from public.properties p
    where p.host_id = new.host_id and p.created_at > now() - interval '1 hour'
  ) > 100 then
    perform private.refuse(429, 'too_many_requests', 'You have listed a hundred homes within an hour. Please wait a while.');
  end if;
  return null;
end;
$$;
comment on function private.limit_listings is 'After insert by the host: at most a hundred an hour, each of which is a mail. 429 too_many_requests.';

create trigger limit_listings
  after insert on public.properties
  for each row when (new.host_id = auth.uid())
  execute function private.limit_listings();


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
  constraint position_from_0_to_999 check (position between 0 and 999),
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

create function private.is_file_in_use(bucket text, path text)
returns boolean
language sql stable
security definer -- the worker asks before it removes a file
set search_path = ''
as $$
  select case bucket
    when 'property-images' then exists (select from public.property_images i where i.path = is_file_in_use.path)
    when 'avatars' then exists (
      select from public.profiles p
      where p.id::text = split_part(is_file_in_use.path, '/', 1) and p.avatar_path = is_file_in_use.path
    )
    else false
  end
$$;
comment on function private.is_file_in_use is 'Whether a picture or an avatar is shown (again), after its file was to be removed.';
grant execute on function private.is_file_in_use to service_role;

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

create function private.has_room_for_file(bucket text, path text)
returns boolean
language sql stable
security definer -- reads the tables of Storage
set search_path = ''
as $$
  select count(*) < 60 or coalesce(bool_or(o.name = path), false)
  from storage.objects o
  cross join (select regexp_replace(path, '/[^/]*$', '') as name) folder
  -- What begins with the folder and a slash, as the index of Storage has it; 0 comes after the slash.
  where o.bucket_id = bucket
    and o.name collate "C" >= folder.name || '/' and o.name collate "C" < folder.name || '0'
$$;
comment on function private.has_room_for_file is
  'Whether a folder has fewer than 60 files, or this one already: a property shows 20, and the others are being replaced.';
grant execute on function private.has_room_for_file to authenticated;

create policy "Hosts upload images of their own properties"
  on storage.objects for insert to authenticated
  with check (
    bucket_id = 'property-images'
    and (storage.foldername(name))[1] = (select auth.uid())::text
    and array_length(storage.foldername(name), 1) = 2
    and (storage.foldername(name))[2] in (select private.my_property_ids()::text)
    and private.has_room_for_file(bucket_id, name)
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
create index occupancies_by_holds on private.occupancies (property_id) where hold_expires_at is not null;
alter table private.occupancies enable row level security;

create table private.vacancies (
  property_id uuid not null references public.properties (id) on delete cascade,
  nights daterange not null,
  primary key (property_id, nights),
  constraint nights_are_there check (not isempty(nights))
);
comment on table private.vacancies is
  'The other side of the calendar: the longest ranges of nights that nothing firm takes, from the beginning of time to its '
  'end. Holds do not count, since they lapse by themselves. Kept by triggers of occupancies; a search with dates reads it.';
-- Finds the homes that are free for given nights, however few of all they are.
create index vacancies_by_nights on private.vacancies using gist (nights);
alter table private.vacancies enable row level security;

create function private.open_calendar()
returns trigger
language plpgsql
security definer -- nobody writes vacancies but through here
set search_path = ''
as $$
begin
  insert into private.vacancies (property_id, nights) values (new.id, '(,)');
  return null;
end;
$$;
comment on function private.open_calendar is 'After insert: a new property is free for ever.';

create trigger open_calendar
  after insert on public.properties
  for each row execute function private.open_calendar();

create function private.keep_vacancies()
returns trigger
language plpgsql
security definer -- nobody writes vacancies but through here
set search_path = ''
as $$
declare
  home uuid := coalesce(new.property_id, old.property_id);
  around daterange := coalesce(new.nights, old.nights);
begin
  -- One at a time a property, each seeing what the one before has written. It is the last lock that
  -- a change of the calendar takes, so that nobody waits in a ring.
  perform pg_advisory_xact_lock(hashtextextended('private.vacancies:' || home, 0));

  with replaced as (
    delete from private.vacancies v
    where v.property_id = home and (v.nights && around or v.nights -|- around)
    returning v.nights
  )
  select range_merge(range_agg(nights)) into around
  from (select nights from replaced union all select around) affected;

  insert into private.vacancies (property_id, nights)
  select home, unnest(datemultirange(around) - coalesce(range_agg(o.nights), '{}'))
  from private.occupancies o
  where o.property_id = home and o.nights && around and o.hold_expires_at is null
  having exists (select from public.properties p where p.id = home); -- it may be about to be deleted
  return null;
end;
$$;
comment on function private.keep_vacancies is
  'After nights were taken for good or freed: works out anew what is free from the stay before to the stay after.';

create trigger take_vacancies
  after insert on private.occupancies
  for each row when (new.hold_expires_at is null)
  execute function private.keep_vacancies();

create trigger take_held_vacancies
  after update on private.occupancies
  for each row when ((old.hold_expires_at is null) <> (new.hold_expires_at is null))
  execute function private.keep_vacancies();

create trigger free_vacancies
  after delete on private.occupancies
  for each row when (old.hold_expires_at is null)
  execute function private.keep_vacancies();

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
          and (p.status = 'listed' or p.host_id = (select auth.uid()) or private.is_staff())
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
  if tg_op = 'UPDATE' then
    -- Before any nights, as everyone who takes some does.
    perform from public.properties p where p.id = new.property_id for no key update;
  end if;
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

create function private.lock_my_calendar()
returns trigger
language plpgsql
security definer -- nobody else takes this lock
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('private.my_calendar:' || auth.uid(), 0))
  where auth.uid() is not null;
  return null;
end;
$$;
comment on function private.lock_my_calendar is
  'Before blocks change: one statement at a time a host. Two that block the same homes in another order would wait for each other.';

create trigger lock_my_calendar
  before insert or update on public.property_blocks
  for each statement execute function private.lock_my_calendar();


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
      and (p.status = 'listed' or p.host_id = caller or private.is_staff())
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
language plpgsql immutable parallel safe
set search_path = ''
-- Split by hand rather than by a text search parser, so that a query is split as the text was, and
-- no input means anything special. The ICU collation knows the letters of every script.
as $$
begin
  return array(
    select distinct left(word, 60) collate "C"
    from regexp_split_to_table(
      lower(extensions.unaccent('extensions.unaccent'::regdictionary, raw) collate "und-x-icu"),
      '[^[:alnum:]]+'
    ) as word
    where word <> ''
  );
end;
$$;
comment on function private.search_words is 'The distinct words of a text, in lower case and without accents.';

create function private.search_terms(query text)
returns text[]
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  if coalesce(query, '') !~ '\S' then
    return null;
  end if;
  return array(
    select word from unnest(private.search_words(left(btrim(query), 500))) word
    order by length(word) desc, word collate "C"
    limit 12
  );
end;
$$;
comment on function private.search_terms is
  'What somebody typed, each of it the start of a word to be found: the twelve longest of the first 500 characters. Null when '
  'nothing was typed.';

create function private.search_pattern(terms text[])
returns tsquery
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
  return (select string_agg(quote_literal(term) || ':*', ' & ')::tsquery from unnest(terms) term);
end;
$$;
comment on function private.search_pattern is 'All terms to be found, each as the start of a word; null when there is none.';

create function private.word_starts(words tsvector)
returns text[]
language sql immutable parallel safe
set search_path = ''
as $$
  select array_agg(left(word, letters))
  from unnest(tsvector_to_array(words)) word
  cross join unnest('{1,2,3,4,5,6,8}'::integer[]) letters
  where letters <= length(word)
$$;
comment on function private.word_starts is
  'The first letters of each word. An index on whole words would have to read all words with a common start for a query; '
  'on these it looks up a few and intersects them.';

create function private.longest_start(term text)
returns text
language sql immutable parallel safe
return left(term, case when length(term) >= 8 then 8 when length(term) >= 6 then 6 else 5 end);
comment on function private.longest_start is 'The longest of private.word_starts that every word has which begins with this term.';

create function private.place_in_time(at timestamptz)
returns bigint
language sql immutable parallel safe
return extract(epoch from at - timestamptz 'epoch')::bigint / 32;
comment on function private.place_in_time is 'An instant as a place on the axis that private.bands divides; a price is a place as it is.';

create function private.bands(place bigint)
returns bigint[]
language sql immutable parallel safe
set search_path = '' -- so it stays a call, rather than a long expression that each search would plan
as $$
  select array[
    place >> 7 << 3, (place >> 10 << 3) + 1, (place >> 13 << 3) + 2,
    (place >> 16 << 3) + 3, (place >> 19 << 3) + 4, (place >> 22 << 3) + 5
  ]
$$;
comment on function private.bands is
  'The bands that a place on an axis lies in: one on each of six levels, from 128 wide (an hour, or 1.28 dollars), each '
  'eight times as wide as the one before. An index on them knows what lies where without looking at rows.';

create function private.bands_between(low bigint, high bigint)
returns bigint[]
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
  level integer := 0;
begin
  while level < 5 and (high >> 7 + 3 * level) - (low >> 7 + 3 * level) > 16 loop
    level := level + 1;
  end loop;
  return array(select (band << 3) + level from generate_series(low >> 7 + 3 * level, high >> 7 + 3 * level) band);
end;
$$;
comment on function private.bands_between is
  'The bands of one level that cover an axis from one place to another: few, unless they are the widest.';

create table private.listings (
  property_id uuid primary key references public.properties (id) on delete cascade,
  host_id uuid not null,
  category text not null,
  country_code text not null,
  price_per_night integer not null,
  bedrooms smallint not null,
  bathrooms smallint not null,
  guests smallint not null,
  created_at timestamptz not null,
  words tsvector not null
)
-- The words stay in the row: rows are read a thousand at a time, and fetching each apart would be slow.
with (toast_tuple_target = 8160);
comment on table private.listings is
  'What a search looks at: the listed properties and no others, with what one filters and sorts by. Kept by a trigger of '
  'properties, so that drafts and archived ones cannot be found and rows are small.';
comment on column private.listings.words is 'The words of title, city and description.';
alter table private.listings enable row level security;

-- Each order in which pages come, with the columns that a filter asks for beside it: so rows that
-- do not fit are passed over within the index. A rare country or category has an index of its own.
create index listings_newest on private.listings (created_at desc, property_id desc)
  include (country_code, category, guests, bedrooms, bathrooms, price_per_night);
create index listings_by_price on private.listings (price_per_night, property_id)
  include (country_code, category, guests, bedrooms, bathrooms);
create index listings_of_country on private.listings (country_code, created_at desc, property_id desc)
  include (category, guests, bedrooms, bathrooms, price_per_night);
create index listings_of_category on private.listings (category, created_at desc, property_id desc)
  include (country_code, guests, bedrooms, bathrooms, price_per_night);
create index listings_of_host on private.listings (host_id, created_at desc, property_id desc);
-- Each change is written to its place at once: a list of what is pending would be read by every search.
create index listings_by_words on private.listings using gin (
  (private.word_starts(words)) collate "C",
  private.bands(private.place_in_time(created_at)),
  private.bands(price_per_night)
) with (fastupdate = off);

create function private.keep_listing()
returns trigger
language plpgsql
security definer -- nobody writes listings but through here
set search_path = ''
as $$
begin
  delete from private.listings l where l.property_id = new.id;
  if new.status = 'listed' then
    insert into private.listings
      (property_id, host_id, category, country_code, price_per_night, bedrooms, bathrooms, guests, created_at, words)
    values
      (new.id, new.host_id, new.category, new.country_code, new.price_per_night, new.bedrooms, new.bathrooms, new.guests,
       new.created_at, array_to_tsvector(private.search_words(concat_ws(' ', new.title, new.city, new.description))));
  end if;
  return null;
end;
$$;
comment on function private.keep_listing is 'After insert or update: the property as a search sees it, or not at all.';

create trigger keep_listing
  after insert or update on public.properties
  for each row execute function private.keep_listing();

create type private.property_search as (
  terms text[],
  pattern tsquery,
  country text,
  category text,
  guests integer,
  bedrooms integer,
  bathrooms integer,
  min_price integer,
  max_price integer,
  check_in date,
  check_out date,
  host uuid,
  favorites_only boolean,
  sort text,
  page_size integer,
  after_key bigint,
  after_id uuid,
  caller uuid
);
comment on type private.property_search is 'What somebody looks for: the arguments of search_properties(), as its helpers hand them on.';
comment on column private.property_search.pattern is 'The terms as text search takes them.';

create function private.check_search(search private.property_search)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
  perform private.check_page_size(search.page_size);
  if search.sort is null or search.sort not in ('newest', 'price_asc', 'price_desc') then
    perform private.refuse(400, 'invalid_sort', 'Sort by newest, price_asc or price_desc.');
  elsif search.country !~ '^[A-Z]{2}$' then
    perform private.refuse(400, 'invalid_country', 'A country is its two-letter code in capitals, e.g. FR.');
  elsif search.category !~ '^[a-z]+(-[a-z]+)*$' then
    perform private.refuse(400, 'invalid_category', 'A category is its slug, e.g. cabin.');
  elsif least(search.guests, search.bedrooms, search.bathrooms, search.min_price, search.max_price) < 0 then
    perform private.refuse(400, 'invalid_filter', 'Guests, bedrooms, bathrooms and prices are not below zero.');
  elsif search.min_price > search.max_price then
    perform private.refuse(400, 'invalid_prices', 'The lowest price is above the highest one.');
  elsif (search.check_in is null) <> (search.check_out is null) then
    perform private.refuse(400, 'invalid_dates', 'Please give both check_in and check_out, or neither.');
  elsif not isfinite(search.check_in) or not isfinite(search.check_out)
    or search.check_out <= search.check_in or search.check_out - search.check_in > 365
  then
    perform private.refuse(400, 'invalid_dates', 'Check-out is 1 to 365 nights after check-in.');
  elsif search.favorites_only and search.caller is null then
    perform private.refuse(401, 'not_signed_in', 'Please sign in to see your favorites.');
  end if;
end;
$$;
comment on function private.check_search is 'Refuses with 400 what cannot be searched for.';

create function private.decode_cursor(page_cursor text, sort text, out sort_key bigint, out id uuid)
language plpgsql immutable
set search_path = ''
as $$
declare
  parts text[] := regexp_match(page_cursor, '^([a-z_]+)~(\d{1,16})~([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$');
begin
  if parts[1] is distinct from sort then
    perform private.refuse(400, 'invalid_cursor', 'This page_cursor is not one that a search in this order has given out.');
  end if;
  sort_key := parts[2]::bigint;
  id := parts[3]::uuid;
end;
$$;
comment on function private.decode_cursor is
  'The place after which a page begins: <sort>~<sort key>~<id>, the key being a price or microseconds since 1970.';

create function private.search_filters(search private.property_search)
returns text
language plpgsql immutable
set search_path = ''
-- Only what is asked for becomes part of a statement, so that each search is planned for itself.
as $$
begin
  return concat_ws(
    ' and ', 'true',
    case when search.country is not null then 'l.country_code = $1.country' end,
    case when search.category is not null then 'l.category = $1.category' end,
    case when search.guests is not null then 'l.guests >= $1.guests' end,
    case when search.bedrooms is not null then 'l.bedrooms >= $1.bedrooms' end,
    case when search.bathrooms is not null then 'l.bathrooms >= $1.bathrooms' end,
    case when search.min_price is not null then 'l.price_per_night >= $1.min_price' end,
    case when search.max_price is not null then 'l.price_per_night <= $1.max_price' end,
    case when search.host is not null then 'l.host_id = $1.host' end,
    case when search.favorites_only then
      'l.property_id in (select f.property_id from public.favorites f where f.user_id = $1.caller)'
    end,
    case when search.after_id is not null then
      case search.sort
        when 'newest' then
          '(l.created_at, l.property_id) < (timestamptz ''epoch'' + $1.after_key * interval ''1 microsecond'', $1.after_id)'
        when 'price_asc' then '(l.price_per_night, l.property_id) > ($1.after_key, $1.after_id)'
        when 'price_desc' then '(l.price_per_night, l.property_id) < ($1.after_key, $1.after_id)'
      end
    end
  );
end;
$$;
comment on function private.search_filters is 'The conditions that the indexes of listings answer by themselves; $1 is the search.';

create function private.search_lookups(search private.property_search)
returns text
language plpgsql immutable
set search_path = ''
-- What is in brackets with a limit or an offset is looked up for one row after the other, and never
-- joined as a whole. The last vacancy that begins by check-in has to hold the stay to its end.
as $$
begin
  return concat_ws(
    ' and ', 'true',
    case when search.terms is not null then 'l.words @@ $1.pattern' end,
    case when search.check_in is not null then
      '(
        select v.nights from private.vacancies v
        where v.property_id = l.property_id and v.nights <= daterange($1.check_in, null)
        order by v.nights desc limit 1
      ) @> daterange($1.check_in, $1.check_out) and not exists (
        select from private.occupancies o
        where o.property_id = l.property_id and o.hold_expires_at > now()
          and o.nights && daterange($1.check_in, $1.check_out)
        offset 0
      )'
    end
  );
end;
$$;
comment on function private.search_lookups is 'The conditions for which a row has to be looked at; $1 is the search.';

create function private.search_key(search private.property_search)
returns text
language plpgsql immutable
set search_path = ''
as $$
begin
  return case search.sort when 'newest' then 'l.created_at' else 'l.price_per_night' end;
end;
$$;
comment on function private.search_key is 'The column that a search is sorted by.';

create function private.search_place(search private.property_search)
returns text
language plpgsql immutable
set search_path = ''
as $$
begin
  return case search.sort when 'newest' then 'private.place_in_time(l.created_at)' else 'l.price_per_night' end;
end;
$$;
comment on function private.search_place is 'The same as a place on the axis that private.bands divides.';

create function private.search_order(search private.property_search)
returns text
language plpgsql immutable
set search_path = ''
as $$
begin
  return format(
    '%1$s %2$s, l.property_id %2$s',
    private.search_key(search), case search.sort when 'price_asc' then 'asc' else 'desc' end
  );
end;
$$;
comment on function private.search_order is 'The order of a search.';

create function private.page_in_order(
  search private.property_search, rows_to_see integer,
  out page uuid[], out is_complete boolean, out low bigint, out high bigint
)
language plpgsql stable
set search_path = ''
as $$
begin
  execute format(
    'with next_rows as materialized (
      select l.property_id, %1$s, %2$s as fits from private.listings l where %3$s order by %4$s limit $2
    ),
    page as materialized (
      select array(select l.property_id from next_rows l where l.fits order by %4$s limit $1.page_size) as ids
    )
    select ids, cardinality(ids) = $1.page_size or rows < $2, low, high
    from page, lateral (
      select count(*) as rows, min(%5$s) as low, max(%5$s) as high from next_rows l
      where cardinality(ids) < $1.page_size
    ) seen',
    private.search_key(search),
    private.search_lookups(search),
    private.search_filters(search),
    private.search_order(search),
    private.search_place(search)
  )
  into page, is_complete, low, high
  using search, rows_to_see;
end;
$$;
comment on function private.page_in_order is
  'The page as far as it is found among the next so many rows that pass the filters, in their order. Complete when it is '
  'full or when there were no more rows; else with the places between which those rows lie.';

create function private.page_of_all(search private.property_search, bands bigint[] default null)
returns uuid[]
language plpgsql stable
set search_path = ''
as $$
declare
  conditions text := concat_ws(' and ', private.search_filters(search), private.search_lookups(search));
  starts text[];
  vacant uuid[];
  page uuid[];
begin
  if search.check_in is not null and bands is null then
    -- When next to nothing is free, that is the place to begin, which the planner could not tell.
    vacant := array(
      select v.property_id from private.vacancies v
      where v.nights @> daterange(search.check_in, search.check_out) limit 30001
    );
  end if;

  if cardinality(vacant) <= 30000 then
    conditions := conditions || ' and l.property_id = any ($4)';
  elsif search.terms is not null then
    starts := array(select private.longest_start(term) from unnest(search.terms) term);
    conditions := conditions || ' and (private.word_starts(l.words) collate "C") @> $2';
    if bands is not null then
      conditions := conditions || format(' and private.bands(%s) && $3', private.search_place(search));
    end if;
  elsif search.check_in is not null then
    conditions := conditions || ' and l.property_id in (
      select v.property_id from private.vacancies v where v.nights @> daterange($1.check_in, $1.check_out)
    )';
  end if;

  execute format(
    'with l as materialized (select l.property_id, %s from private.listings l where %s)
    select array(select l.property_id from l order by %s limit $1.page_size)',
    private.search_key(search), conditions, private.search_order(search)
  )
  into page
  using search, starts, bands, vacant;
  return page;
end;
$$;
comment on function private.page_of_all is
  'The page when few rows fit: gathers all of them through whichever index knows best, and sorts them. With bands only '
  'those that lie in them.';

create function private.find_page(search private.property_search)
returns uuid[]
language plpgsql stable
set search_path = ''
-- For the next page, never for a report: no pass over a whole table, no compiled plans.
set enable_seqscan = off
set jit = off
-- The numbers have been measured by `npm run bench:search`.
as $$
declare
  seen record;
  page uuid[];
  is_rare boolean;
  bands bigint[];
  reach bigint;
  far bigint;
begin
  if search.terms is null and search.check_in is null then
    return (private.page_in_order(search, search.page_size)).page;
  end if;

  -- Most searches fill their page from the next few rows.
  select * into seen from private.page_in_order(search, case when search.terms is null then 1000 else 500 end);
  page := seen.page;
  if seen.is_complete then
    return page;
  end if;

  if search.terms is null then
    -- When less than an eighth of a page was found, what fits is so rare that gathering all of it is
    -- less work than going on.
    if cardinality(page) * 8 >= search.page_size then
      select * into seen from private.page_in_order(search, 12000);
      if seen.is_complete then
        return seen.page;
      end if;
    end if;
    return private.page_of_all(search);
  end if;

  -- Words are looked up as far along the order as they should fill the page several times, going by
  -- what was found so far, and further and further when they did not.
  far := case search.sort
    when 'newest' then (select private.place_in_time(min(l.created_at)) from private.listings l)
    when 'price_asc' then (select max(l.price_per_night) from private.listings l)
    else (select min(l.price_per_night) from private.listings l)
  end;
  reach := seen.high - seen.low + 1;
  loop
    is_rare := cardinality(page) * 8 < search.page_size;
    reach := reach * greatest(12, least(
      12 * search.page_size / greatest(cardinality(page), 1), case when search.check_in is null then 400 else 25 end
    ));
    bands := case
      when is_rare and bands is not null then null -- all of them are soon looked up
      when search.sort = 'price_asc' and seen.low + reach < far then private.bands_between(seen.low, seen.low + reach)
      when search.sort <> 'price_asc' and seen.high - reach > far then private.bands_between(seen.high - reach, seen.high)
    end;
    page := private.page_of_all(search, bands);
    exit when cardinality(page) = search.page_size or bands is null;
  end loop;
  return page;
end;
$$;
comment on function private.find_page is 'The properties of the next page. Its work is bounded by the page and by what fits, not by the table.';

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
security definer -- sees what is taken; says itself what is seen (listed ones alone)
set search_path = ''
as $$
declare
  terms text[] := private.search_terms(query);
  search private.property_search;
  page uuid[];
  files text := private.project_url() || '/storage/v1/object/public/property-images/';
begin
  search := row(
    terms, private.search_pattern(terms), country, category, guests, bedrooms, bathrooms,
    min_price, max_price, check_in, check_out, host, favorites_only, sort, page_size, null, null, auth.uid()
  );
  perform private.check_search(search);
  if page_cursor is not null then
    select d.sort_key, d.id into search.after_key, search.after_id from private.decode_cursor(page_cursor, sort) d;
  end if;
  if search.terms = '{}' then
    return; -- something was typed, but nothing that could be found
  end if;
  page := private.find_page(search);

  return query
  select p.id, p.title, p.country_code, p.city, p.category, p.price_per_night, p.currency,
    p.bedrooms, p.bathrooms, p.guests, p.host_id, h.name, files || cover.path,
    exists (select from public.favorites f where f.user_id = search.caller and f.property_id = p.id),
    p.created_at,
    concat_ws(
      '~', sort,
      case sort when 'newest' then (extract(epoch from p.created_at) * 1000000)::bigint else p.price_per_night end,
      p.id
    )
  from unnest(page) with ordinality as found (id, place)
  join public.properties p on p.id = found.id
  join public.profiles h on h.id = p.host_id
  left join lateral (
    select i.path from public.property_images i where i.property_id = p.id order by i.position limit 1
  ) cover on true
  order by found.place;
end;
$$;
comment on function public.search_properties is
  'Listed properties that fit all arguments given. Dates: free for all those nights. sort: newest, price_asc, price_desc. '
  'Pages of 1 to 100; the page_cursor of the last row asks for the next page. 400 with invalid_… for what cannot be searched for.';
grant execute on function public.search_properties to anon, authenticated, service_role;
