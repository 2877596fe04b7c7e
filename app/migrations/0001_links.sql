create table links (
    slug text collate "C" primary key,
    target text not null,
    created_at timestamptz not null default now(),
    constraint links_slug_length check (length(slug) between 1 and 64),
    constraint links_target_length check (length(target) between 1 and 2048)
);
