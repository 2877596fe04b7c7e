-- Versions grow over all links, so that a slug that is deleted and made again never goes back: caches keep the newest.
create sequence link_versions;

alter table links
    add column note text not null default '',
    add column redirect smallint not null default 302,
    add column enabled boolean not null default true,
    add column expires_at timestamptz,
    add column updated_at timestamptz not null default now(),
    add column version bigint not null default nextval('link_versions'),
    -- Words, so that any beginning of a word is found by an index that needs no extension. Everything in ASCII that is
    -- neither letter nor digit separates words.
    add column words tsvector generated always as (
        to_tsvector('simple', regexp_replace(
            slug || ' ' || target || ' ' || note, '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u007f]+', ' ', 'g'))
    ) stored,
    add constraint links_note_length check (length(note) <= 500),
    add constraint links_redirect_known check (redirect in (301, 302));

create index links_newest on links (created_at desc, slug desc);
create index links_words on links using gin (words);

-- Clicks are counted, not kept one by one.
create table clicks_hourly (
    slug text collate "C" not null references links on delete cascade,
    hour timestamptz not null,
    clicks bigint not null,
    primary key (slug, hour)
);
create table clicks_referrers (
    slug text collate "C" not null references links on delete cascade,
    day date not null,
    referrer text not null,
    clicks bigint not null,
    primary key (slug, day, referrer)
);
create table clicks_agents (
    slug text collate "C" not null references links on delete cascade,
    day date not null,
    agent text not null,
    clicks bigint not null,
    primary key (slug, day, agent)
);
-- The last batch of each writing process: one whose commit was not confirmed is sent again and must not count twice.
create table click_batches (
    writer text primary key,
    batch bigint not null,
    written_at timestamptz not null default now()
);

create table api_keys (
    id text collate "C" primary key,
    name text not null,
    -- SHA-256 of the secret half, which is random and long: nothing slower is needed.
    secret_hash bytea not null,
    scopes text[] not null,
    requests_per_minute integer not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    constraint api_keys_rate check (requests_per_minute > 0)
);

-- What was answered to a creation that may be sent again.
create table idempotency_keys (
    owner text not null,
    key text not null,
    -- SHA-256 of what was asked.
    request_hash bytea not null,
    -- Empty only inside the transaction that makes the link.
    slug text not null default '',
    body text not null default '',
    etag text not null default '',
    created_at timestamptz not null default now(),
    primary key (owner, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);
