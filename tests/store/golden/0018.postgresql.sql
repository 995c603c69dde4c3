CREATE FUNCTION append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$BEGIN RAISE EXCEPTION 'append-only'; END$$;
CREATE TABLE alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE api_keys (
    pk bigint NOT NULL,
    id character varying(24) NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    scopes text NOT NULL,
    rate double precision NOT NULL,
    created_at bigint NOT NULL,
    created_by bigint,
    revoked_at bigint
);
CREATE SEQUENCE api_keys_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE api_keys_pk_seq OWNED BY api_keys.pk;
CREATE TABLE artifacts (
    pk bigint NOT NULL,
    repository_pk bigint NOT NULL,
    commit bytea NOT NULL,
    ref text,
    path text NOT NULL,
    size bigint,
    sha256 bytea,
    xet bytea,
    git_oid bytea,
    flags smallint NOT NULL,
    seen_at bigint NOT NULL
);
CREATE SEQUENCE artifacts_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE artifacts_pk_seq OWNED BY artifacts.pk;
CREATE TABLE assignments (
    case_pk bigint NOT NULL,
    user_pk bigint NOT NULL,
    by_pk bigint NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE audit (
    pk bigint NOT NULL,
    at bigint NOT NULL,
    actor text NOT NULL,
    action character varying(32) NOT NULL,
    subject text NOT NULL,
    details text,
    hash bytea
);
CREATE SEQUENCE audit_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE audit_pk_seq OWNED BY audit.pk;
CREATE TABLE bases (
    pk bigint NOT NULL,
    name character varying(128) NOT NULL,
    architecture text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    modules integer NOT NULL,
    added_at bigint NOT NULL,
    value bytea NOT NULL
);
CREATE SEQUENCE bases_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE bases_pk_seq OWNED BY bases.pk;
CREATE TABLE blind_spots (
    artifact_pk bigint NOT NULL,
    spot smallint NOT NULL,
    code character varying(24) NOT NULL,
    reason text NOT NULL,
    count bigint NOT NULL,
    scan_pk bigint
);
CREATE TABLE campaign_accounts (
    campaign_pk bigint NOT NULL,
    hub text NOT NULL,
    account text NOT NULL,
    joined_at bigint NOT NULL,
    left_at bigint,
    why text NOT NULL
);
CREATE TABLE campaign_events (
    pk bigint NOT NULL,
    at bigint NOT NULL,
    what character varying(12) NOT NULL,
    campaign_pk bigint NOT NULL,
    hub text,
    account text,
    user_pk bigint NOT NULL
);
CREATE SEQUENCE campaign_events_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE campaign_events_pk_seq OWNED BY campaign_events.pk;
CREATE TABLE campaigns (
    pk bigint NOT NULL,
    id character varying(16) NOT NULL,
    found_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    ended_at bigint
);
CREATE SEQUENCE campaigns_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE campaigns_pk_seq OWNED BY campaigns.pk;
CREATE TABLE case_sightings (
    sighting_pk bigint NOT NULL,
    case_pk bigint NOT NULL,
    added_at bigint NOT NULL,
    rung smallint NOT NULL,
    confirmed character varying(12) NOT NULL
);
CREATE TABLE cases (
    pk bigint NOT NULL,
    id character varying(24) NOT NULL,
    removal_pk bigint NOT NULL,
    repository_pk bigint NOT NULL,
    hub text NOT NULL,
    account text NOT NULL,
    opened_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    state character varying(12) NOT NULL,
    verdict character varying(16),
    rung smallint NOT NULL,
    reach bigint NOT NULL,
    live bigint NOT NULL,
    version bigint NOT NULL,
    claimed_by bigint,
    claimed_until bigint,
    strength smallint DEFAULT '0'::smallint NOT NULL,
    sha256 bytea
);
CREATE SEQUENCE cases_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE cases_pk_seq OWNED BY cases.pk;
CREATE TABLE changes (
    pk bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    at bigint NOT NULL
);
CREATE SEQUENCE changes_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE changes_pk_seq OWNED BY changes.pk;
CREATE TABLE claim_moves (
    pk bigint NOT NULL,
    claim_pk bigint NOT NULL,
    from_pk bigint NOT NULL,
    to_pk bigint NOT NULL,
    at bigint NOT NULL
);
CREATE SEQUENCE claim_moves_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE claim_moves_pk_seq OWNED BY claim_moves.pk;
CREATE TABLE claims (
    pk bigint NOT NULL,
    removal_pk bigint NOT NULL,
    size bigint,
    container character varying(16),
    data_size bigint,
    layout bytea,
    list_pk bigint DEFAULT '0'::bigint NOT NULL,
    source smallint DEFAULT '0'::smallint NOT NULL,
    site text,
    removed_on integer,
    class smallint,
    added_at bigint DEFAULT '0'::bigint NOT NULL,
    withdrawn_at bigint,
    in_force smallint DEFAULT '1'::smallint NOT NULL,
    contradicted smallint DEFAULT '0'::smallint NOT NULL,
    sealed bytea,
    class_settled smallint DEFAULT '0'::smallint NOT NULL
);
CREATE SEQUENCE claims_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE claims_pk_seq OWNED BY claims.pk;
CREATE TABLE comments (
    pk bigint NOT NULL,
    case_pk bigint NOT NULL,
    at bigint NOT NULL,
    user_pk bigint NOT NULL,
    sealed bytea NOT NULL
);
CREATE SEQUENCE comments_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE comments_pk_seq OWNED BY comments.pk;
CREATE TABLE decided (
    decision_pk bigint NOT NULL,
    sighting_pk bigint NOT NULL,
    rung smallint NOT NULL,
    confirmed character varying(12) NOT NULL,
    sha256 bytea
);
CREATE TABLE decisions (
    pk bigint NOT NULL,
    id character varying(24) NOT NULL,
    case_pk bigint NOT NULL,
    at bigint NOT NULL,
    user_pk bigint,
    verdict character varying(16) NOT NULL,
    sealed bytea,
    undoes bigint,
    because bigint,
    batch character varying(24),
    version bigint NOT NULL
);
CREATE SEQUENCE decisions_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE decisions_pk_seq OWNED BY decisions.pk;
CREATE TABLE digests (
    kind smallint NOT NULL,
    value bytea NOT NULL,
    claim_pk bigint NOT NULL
);
CREATE TABLE dismissals (
    removal_pk bigint NOT NULL,
    sha256 bytea NOT NULL,
    decision_pk bigint NOT NULL
);
CREATE TABLE embedded_digests (
    kind smallint NOT NULL,
    value bytea NOT NULL,
    artifact_pk bigint NOT NULL
);
CREATE TABLE evidence (
    sighting_pk bigint NOT NULL,
    rung smallint NOT NULL,
    kind character varying(24) NOT NULL,
    value text NOT NULL,
    why text NOT NULL,
    figures text,
    at bigint NOT NULL,
    stands smallint DEFAULT '1'::smallint NOT NULL
);
CREATE TABLE fact_events (
    pk bigint NOT NULL,
    at bigint NOT NULL,
    what character varying(24) NOT NULL,
    list_pk bigint,
    removal_pk bigint,
    claim_pk bigint,
    user_pk bigint,
    sealed bytea
);
CREATE SEQUENCE fact_events_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE fact_events_pk_seq OWNED BY fact_events.pk;
CREATE TABLE factor_roles (
    role character varying(16) NOT NULL
);
CREATE TABLE frontier (
    pk bigint NOT NULL,
    scan_pk bigint NOT NULL,
    repository_pk bigint NOT NULL,
    task smallint NOT NULL,
    subject text NOT NULL,
    priority smallint NOT NULL,
    state smallint NOT NULL,
    attempts smallint NOT NULL,
    leased_until bigint,
    leased_by text,
    signs smallint DEFAULT '0'::smallint NOT NULL
);
CREATE SEQUENCE frontier_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE frontier_pk_seq OWNED BY frontier.pk;
CREATE TABLE hints (
    removal_pk bigint NOT NULL,
    artifact_pk bigint NOT NULL,
    kind character varying(24) NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE innocent_digests (
    innocent_pk bigint NOT NULL,
    kind smallint NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE innocent_events (
    pk bigint NOT NULL,
    at bigint NOT NULL,
    what character varying(12) NOT NULL,
    innocent_pk bigint NOT NULL,
    user_pk bigint NOT NULL,
    sealed bytea
);
CREATE SEQUENCE innocent_events_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE innocent_events_pk_seq OWNED BY innocent_events.pk;
CREATE TABLE innocent_near (
    innocent_pk bigint NOT NULL,
    removal_pk bigint NOT NULL,
    rung smallint NOT NULL
);
CREATE TABLE innocent_sketches (
    innocent_pk bigint NOT NULL,
    number smallint NOT NULL,
    architecture text NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE innocents (
    pk bigint NOT NULL,
    id character varying(16) NOT NULL,
    name text NOT NULL,
    at bigint NOT NULL
);
CREATE SEQUENCE innocents_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE innocents_pk_seq OWNED BY innocents.pk;
CREATE TABLE invitations (
    token bytea NOT NULL,
    user_pk bigint,
    made_at bigint NOT NULL,
    ends_at bigint NOT NULL
);
CREATE TABLE jobs (
    pk bigint NOT NULL,
    id character varying(24) NOT NULL,
    kind character varying(16) NOT NULL,
    what text NOT NULL,
    key text,
    state character varying(12) NOT NULL,
    asked_at bigint NOT NULL,
    asked_by bigint,
    started_at bigint,
    ended_at bigint,
    leased_until bigint,
    leased_by text,
    scan_pk bigint,
    progress text,
    problem text,
    lives smallint DEFAULT '0'::smallint NOT NULL
);
CREATE SEQUENCE jobs_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE jobs_pk_seq OWNED BY jobs.pk;
CREATE TABLE learned_from (
    learned_pk bigint NOT NULL,
    claim_pk bigint NOT NULL
);
CREATE TABLE listings (
    scan_pk bigint NOT NULL,
    part smallint NOT NULL,
    cursor text,
    done smallint NOT NULL,
    listed bigint NOT NULL,
    subject text,
    leased_until bigint,
    leased_by text
);
CREATE TABLE lists (
    pk bigint NOT NULL,
    name text NOT NULL,
    created_at bigint NOT NULL,
    entitled smallint NOT NULL,
    withdrawn_at bigint,
    class smallint
);
CREATE SEQUENCE lists_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE lists_pk_seq OWNED BY lists.pk;
CREATE TABLE looks (
    user_pk bigint NOT NULL,
    case_pk bigint NOT NULL,
    version bigint NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE meta (
    name character varying(64) NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE near (
    artifact_pk bigint NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE notice_items (
    notice_pk bigint NOT NULL,
    sighting_pk bigint NOT NULL,
    case_pk bigint NOT NULL,
    added_at bigint NOT NULL
);
CREATE TABLE notice_letters (
    pk bigint NOT NULL,
    notice_pk bigint NOT NULL,
    at bigint NOT NULL,
    user_pk bigint,
    version bigint NOT NULL,
    what character varying(12) NOT NULL,
    how character varying(8) NOT NULL,
    form character varying(8) NOT NULL,
    sealed bytea NOT NULL
);
CREATE SEQUENCE notice_letters_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE notice_letters_pk_seq OWNED BY notice_letters.pk;
CREATE TABLE notice_steps (
    pk bigint NOT NULL,
    notice_pk bigint NOT NULL,
    at bigint NOT NULL,
    user_pk bigint,
    state character varying(16) NOT NULL,
    how character varying(16),
    sealed bytea
);
CREATE SEQUENCE notice_steps_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE notice_steps_pk_seq OWNED BY notice_steps.pk;
CREATE TABLE notices (
    pk bigint NOT NULL,
    id character varying(24) NOT NULL,
    hub text NOT NULL,
    account text NOT NULL,
    state character varying(16) NOT NULL,
    created_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    due_at bigint,
    version bigint NOT NULL
);
CREATE SEQUENCE notices_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE notices_pk_seq OWNED BY notices.pk;
CREATE TABLE policies (
    list text NOT NULL,
    rung smallint NOT NULL,
    advice character varying(8) NOT NULL
);
CREATE TABLE problems (
    pk bigint NOT NULL,
    scan_pk bigint NOT NULL,
    repository_pk bigint,
    place text NOT NULL,
    reason text NOT NULL,
    remedy text,
    at bigint NOT NULL
);
CREATE SEQUENCE problems_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE problems_pk_seq OWNED BY problems.pk;
CREATE TABLE quota_slices (
    quota_pk bigint NOT NULL,
    leased_by text NOT NULL,
    leased_until bigint NOT NULL,
    held integer NOT NULL
);
CREATE TABLE quotas (
    pk bigint NOT NULL,
    hub text NOT NULL,
    principal bytea NOT NULL,
    bucket text NOT NULL,
    "left" integer NOT NULL,
    earliest bigint NOT NULL,
    latest bigint NOT NULL,
    paused_until bigint NOT NULL,
    leased_by text,
    leased_until bigint
);
CREATE SEQUENCE quotas_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE quotas_pk_seq OWNED BY quotas.pk;
CREATE TABLE read_digests (
    kind smallint NOT NULL,
    value bytea NOT NULL,
    artifact_pk bigint NOT NULL
);
CREATE TABLE read_entries (
    artifact_pk bigint NOT NULL,
    version smallint NOT NULL,
    "group" character varying(24) NOT NULL,
    slots bytea NOT NULL,
    code bytea
);
CREATE TABLE read_sketches (
    artifact_pk bigint NOT NULL,
    version smallint NOT NULL,
    architecture text NOT NULL,
    kind text NOT NULL,
    complete smallint NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE readings (
    artifact_pk bigint NOT NULL,
    at bigint NOT NULL,
    container character varying(16),
    data_size bigint,
    layout bytea,
    "full" smallint NOT NULL,
    problem text,
    architecture text,
    judged_by character varying(32)
);
CREATE TABLE recovery_codes (
    hash bytea NOT NULL,
    user_pk bigint NOT NULL,
    made_at bigint NOT NULL
);
CREATE TABLE removals (
    pk bigint NOT NULL,
    id character varying(16) NOT NULL,
    added_at bigint NOT NULL,
    withdrawn_at bigint,
    class smallint DEFAULT '0'::smallint NOT NULL
);
CREATE SEQUENCE removals_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE removals_pk_seq OWNED BY removals.pk;
CREATE TABLE repositories (
    pk bigint NOT NULL,
    hub text NOT NULL,
    type character varying(8) NOT NULL,
    repo text NOT NULL,
    sha bytea,
    created_at bigint,
    modified_at bigint,
    downloads bigint,
    likes bigint,
    flags smallint NOT NULL,
    used_storage bigint,
    last_listed bigint,
    own_id text,
    seen_as bytea
);
CREATE SEQUENCE repositories_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE repositories_pk_seq OWNED BY repositories.pk;
CREATE TABLE saved_filters (
    pk bigint NOT NULL,
    id character varying(24) NOT NULL,
    name character varying(60) NOT NULL,
    user_pk bigint NOT NULL,
    shared smallint NOT NULL,
    filter text NOT NULL,
    at bigint NOT NULL
);
CREATE SEQUENCE saved_filters_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE saved_filters_pk_seq OWNED BY saved_filters.pk;
CREATE TABLE scans (
    pk bigint NOT NULL,
    hub text NOT NULL,
    target text NOT NULL,
    options text NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint,
    coverage text
);
CREATE SEQUENCE scans_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE scans_pk_seq OWNED BY scans.pk;
CREATE TABLE sealed_index (
    token bytea NOT NULL,
    claim_pk bigint NOT NULL,
    field smallint NOT NULL
);
CREATE TABLE second_factors (
    pk bigint NOT NULL,
    user_pk bigint NOT NULL,
    kind character varying(12) NOT NULL,
    sealed bytea,
    credential bytea,
    public_key bytea,
    counter bigint NOT NULL,
    added_at bigint NOT NULL,
    used_at bigint
);
CREATE SEQUENCE second_factors_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE second_factors_pk_seq OWNED BY second_factors.pk;
CREATE TABLE sessions (
    token bytea NOT NULL,
    user_pk bigint NOT NULL,
    created_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    ends_at bigint NOT NULL,
    browser character varying(40),
    how character varying(12),
    confirmed_at bigint
);
CREATE TABLE sightings (
    pk bigint NOT NULL,
    id character varying(24) NOT NULL,
    removal_pk bigint NOT NULL,
    artifact_pk bigint NOT NULL,
    rung smallint NOT NULL,
    state character varying(12) NOT NULL,
    confirmed character varying(12) NOT NULL,
    missed smallint NOT NULL,
    first_seen bigint NOT NULL,
    last_seen bigint NOT NULL,
    scan_pk bigint,
    touched smallint DEFAULT '1'::smallint NOT NULL,
    hidden_at bigint
);
CREATE SEQUENCE sightings_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE sightings_pk_seq OWNED BY sightings.pk;
CREATE TABLE sign_in_steps (
    token bytea NOT NULL,
    kind character varying(12) NOT NULL,
    bound bytea NOT NULL,
    user_pk bigint,
    what text NOT NULL,
    sealed bytea,
    ends_at bigint NOT NULL
);
CREATE TABLE sign_in_tries (
    key bytea NOT NULL,
    began bigint NOT NULL,
    tries integer NOT NULL,
    ends_at bigint NOT NULL
);
CREATE TABLE sketch_entries (
    claim_pk bigint NOT NULL,
    version smallint NOT NULL,
    "group" character varying(24) NOT NULL,
    slots bytea NOT NULL,
    code bytea NOT NULL
);
CREATE TABLE sketches (
    claim_pk bigint NOT NULL,
    version smallint NOT NULL,
    architecture text NOT NULL,
    kind text NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE stated_digests (
    kind smallint NOT NULL,
    value bytea NOT NULL,
    artifact_pk bigint NOT NULL
);
CREATE TABLE users (
    pk bigint NOT NULL,
    name character varying(64) NOT NULL,
    role character varying(16) NOT NULL,
    password text,
    issuer text,
    subject text,
    created_at bigint NOT NULL,
    disabled_at bigint
);
CREATE SEQUENCE users_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE users_pk_seq OWNED BY users.pk;
CREATE TABLE walks (
    repository_pk bigint NOT NULL,
    commit bytea NOT NULL,
    at bigint NOT NULL,
    refs smallint NOT NULL,
    confirm smallint DEFAULT '0'::smallint NOT NULL,
    follow smallint DEFAULT '0'::smallint NOT NULL,
    edited smallint DEFAULT '0'::smallint NOT NULL,
    version bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE watermarks (
    hub text NOT NULL,
    target text NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE withdrawals (
    pk bigint NOT NULL,
    removal_pk bigint NOT NULL,
    at bigint NOT NULL,
    restored smallint NOT NULL,
    sealed bytea
);
CREATE SEQUENCE withdrawals_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE withdrawals_pk_seq OWNED BY withdrawals.pk;
ALTER TABLE ONLY api_keys ALTER COLUMN pk SET DEFAULT nextval('api_keys_pk_seq'::regclass);
ALTER TABLE ONLY artifacts ALTER COLUMN pk SET DEFAULT nextval('artifacts_pk_seq'::regclass);
ALTER TABLE ONLY audit ALTER COLUMN pk SET DEFAULT nextval('audit_pk_seq'::regclass);
ALTER TABLE ONLY bases ALTER COLUMN pk SET DEFAULT nextval('bases_pk_seq'::regclass);
ALTER TABLE ONLY campaign_events ALTER COLUMN pk SET DEFAULT nextval('campaign_events_pk_seq'::regclass);
ALTER TABLE ONLY campaigns ALTER COLUMN pk SET DEFAULT nextval('campaigns_pk_seq'::regclass);
ALTER TABLE ONLY cases ALTER COLUMN pk SET DEFAULT nextval('cases_pk_seq'::regclass);
ALTER TABLE ONLY changes ALTER COLUMN pk SET DEFAULT nextval('changes_pk_seq'::regclass);
ALTER TABLE ONLY claim_moves ALTER COLUMN pk SET DEFAULT nextval('claim_moves_pk_seq'::regclass);
ALTER TABLE ONLY claims ALTER COLUMN pk SET DEFAULT nextval('claims_pk_seq'::regclass);
ALTER TABLE ONLY comments ALTER COLUMN pk SET DEFAULT nextval('comments_pk_seq'::regclass);
ALTER TABLE ONLY decisions ALTER COLUMN pk SET DEFAULT nextval('decisions_pk_seq'::regclass);
ALTER TABLE ONLY fact_events ALTER COLUMN pk SET DEFAULT nextval('fact_events_pk_seq'::regclass);
ALTER TABLE ONLY frontier ALTER COLUMN pk SET DEFAULT nextval('frontier_pk_seq'::regclass);
ALTER TABLE ONLY innocent_events ALTER COLUMN pk SET DEFAULT nextval('innocent_events_pk_seq'::regclass);
ALTER TABLE ONLY innocents ALTER COLUMN pk SET DEFAULT nextval('innocents_pk_seq'::regclass);
ALTER TABLE ONLY jobs ALTER COLUMN pk SET DEFAULT nextval('jobs_pk_seq'::regclass);
ALTER TABLE ONLY lists ALTER COLUMN pk SET DEFAULT nextval('lists_pk_seq'::regclass);
ALTER TABLE ONLY notice_letters ALTER COLUMN pk SET DEFAULT nextval('notice_letters_pk_seq'::regclass);
ALTER TABLE ONLY notice_steps ALTER COLUMN pk SET DEFAULT nextval('notice_steps_pk_seq'::regclass);
ALTER TABLE ONLY notices ALTER COLUMN pk SET DEFAULT nextval('notices_pk_seq'::regclass);
ALTER TABLE ONLY problems ALTER COLUMN pk SET DEFAULT nextval('problems_pk_seq'::regclass);
ALTER TABLE ONLY quotas ALTER COLUMN pk SET DEFAULT nextval('quotas_pk_seq'::regclass);
ALTER TABLE ONLY removals ALTER COLUMN pk SET DEFAULT nextval('removals_pk_seq'::regclass);
ALTER TABLE ONLY repositories ALTER COLUMN pk SET DEFAULT nextval('repositories_pk_seq'::regclass);
ALTER TABLE ONLY saved_filters ALTER COLUMN pk SET DEFAULT nextval('saved_filters_pk_seq'::regclass);
ALTER TABLE ONLY scans ALTER COLUMN pk SET DEFAULT nextval('scans_pk_seq'::regclass);
ALTER TABLE ONLY second_factors ALTER COLUMN pk SET DEFAULT nextval('second_factors_pk_seq'::regclass);
ALTER TABLE ONLY sightings ALTER COLUMN pk SET DEFAULT nextval('sightings_pk_seq'::regclass);
ALTER TABLE ONLY users ALTER COLUMN pk SET DEFAULT nextval('users_pk_seq'::regclass);
ALTER TABLE ONLY withdrawals ALTER COLUMN pk SET DEFAULT nextval('withdrawals_pk_seq'::regclass);
INSERT INTO alembic_version VALUES ('0018');
INSERT INTO api_keys VALUES (1, 'sample id', 'sample name', '\x0505050505050505050505050505050505050505050505050505050505050505', 'sample scopes', 1.5, 3, 1, 3);
INSERT INTO artifacts VALUES (1, 1, '\x0808080808080808080808080808080808080808', 'main', 'Test model.safetensors', 1234, '\x1111111111111111111111111111111111111111111111111111111111111111', '\x2222222222222222222222222222222222222222222222222222222222222222', '\x3333333333333333333333333333333333333333', 2, 8);
INSERT INTO assignments VALUES (1, 1, 1, 7);
INSERT INTO audit VALUES (1, 20, 'sample-account', 'import', '*', '{"added": 2, "list": "sample"}', '\x7192c548460d25aa58a212e25de0be5d46940c7f7f30394c930663c2de5c40b9');
INSERT INTO audit VALUES (2, 21, 'sample-account', 'add', 'rm-sample01', NULL, '\xbf73876a5cc251874d713d9b32af28c776312fe02a7d0b0c67f86dfc4988e760');
INSERT INTO audit VALUES (3, 22, 'sample-account', 'withdraw', 'rm-sample02', NULL, '\xa5c235bbf93ac56c6d08df661a8eacbd37eac0d796cbbde5a2385e9531ffdfdd');
INSERT INTO audit VALUES (4, 23, 'Ünïcode "quoted" \ account', 'reveal', 'rm-sample01', '{}', '\x9091f23fd52e57b13baaf3b6303a1a1b44082997e74c8d9873c7ed55a5dc195c');
INSERT INTO audit VALUES (5, 1795859905953402, 'reseen', 'sealed', '*', '{"claims": 3, "claims_to": 3, "decisions": 1, "decisions_to": 1, "fact_events": 0, "fact_events_to": 0, "rows": "6843793b080de04b04364b4b40ff6dd0fcd2f84195f7f5cbef3baae902447eb1", "withdrawals": 1, "withdrawals_to": 1}', '\xbe2129227284069be0c843c90fd234519ed168717ef767aba7ece7c79b4f38ca');
INSERT INTO audit VALUES (6, 1795859905959685, 'sample-account', 'settle-class', 'rm-sample01', '{"class": "other", "covers": "fact_events 1", "rows": "495638fd1e7520925b8e18963e24572e492d69e3fbeeb79aac233d0e9d51865a"}', '\xc2332505237ba208d32fe6b4a47a824197087cc8e8abf57150d2b9c0bf5433b7');
INSERT INTO audit VALUES (7, 1795887120800418, 'reseen', 'sealed', '*', '{"claims_stood": 1, "claims_stood_to": 3, "comments": 1, "comments_to": 1, "notice_steps": 1, "notice_steps_to": 1, "notices_stood": 1, "notices_stood_to": 1, "rows": "bff59a7c8a7ba14bdf88bd8029c2380b497c6bed1529290c7d02f0164b0667d9", "stood": "e556d67645b2b6dff108179d8be162d46d572214172712f2b942cd4aadd4c251"}', '\x593e84e12acd639c7c85f4ab74fe24b2464e06e75101c1cfccbd5fbb0f9a7a7a');
INSERT INTO audit VALUES (8, 1795947011183425, 'sample-account', 'move-claims', '*', '{"covers": "claim_moves 1-2", "rows": "4dda6ea1fcd628c372ae58148ddf990c621089ff8a9f55a72d777fd23b247f75"}', '\x028979ea277e17615e5c4cfd05b7e568dfc0aa6f431d67c6bd9c23a829c97d57');
INSERT INTO audit VALUES (9, 1795947011183426, 'sample-account', 'propose-innocent', 'in-sample01', '{"covers": "innocent_events 1", "rows": "e105c6a4238a831d7438e766df5e132d977f223235a666c82902ddb65cf0c338"}', '\x7f946be486e3e1bd4f57d024e064faf1c9b0399086224d2dd8a92e46a8a7f046');
INSERT INTO audit VALUES (10, 1795967193808191, 'sample-account', 'export', 'nt-sample01', '{"covers": "notice_letters 1", "rows": "0e058c6cb60488a55d580cf17724d0ad6f1da7af4df8a2daac60bc03c68831b2"}', '\x19cc8e5eec9f4d70e3f38d053f9ce4246b694dcfc9aa684457d9da3d2fe77154');
INSERT INTO audit VALUES (11, 1795947011183428, 'sample-account', 'campaign-taken-out', 'cp-sample01', '{"covers": "campaign_events 1", "rows": "07ac867b2a33a7798a4609454ff207e6b67c09c7e2f30d2a57f57ffdfeb4e9c4"}', '\xbc2d7ab61801d7b16b1187595ae0f4d989cfe82f0bca1947de2054012b90a7b3');
INSERT INTO bases VALUES (1, 'sample base', 'sample', 1234, '\x0909090909090909090909090909090909090909090909090909090909090909', 3, 20, '\x00000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO blind_spots VALUES (1, 0, 'malformed', 'a tensor lies outside of the file', 2, 1);
INSERT INTO campaign_accounts VALUES (1, 'sample hub', 'sample account', 7, 8, '{"bits": {"removals": 40.5}, "shared": 3}');
INSERT INTO campaign_events VALUES (1, 7, 'taken out', 1, 'sample hub', 'sample account', 1);
INSERT INTO campaigns VALUES (1, 'cp-sample01', 7, 8, 9);
INSERT INTO case_sightings VALUES (1, 1, 3, 3, 'none');
INSERT INTO cases VALUES (1, 'sample id', 1, 1, 'sample hub', 'sample account', 3, 3, 'decided', 'confirm', 3, 3, 3, 3, 1, 3, 3, '\x1111111111111111111111111111111111111111111111111111111111111111');
INSERT INTO changes VALUES (1, 3, 3, 3);
INSERT INTO claim_moves VALUES (1, 1, 1, 2, 1795947011147329);
INSERT INTO claim_moves VALUES (2, 1, 2, 1, 1795947011147329);
INSERT INTO claims VALUES (1, 1, 1234, NULL, NULL, NULL, 1, 0, 'models.example', 20000, NULL, 1700000000000000, NULL, 1, 0, '\x01010101010101010101010101010101010101010101010101010101010101010101010101010101', 0);
INSERT INTO claims VALUES (2, 2, NULL, NULL, NULL, NULL, 1, 0, NULL, NULL, NULL, 1700000000000001, 1700000500000000, 0, 0, NULL, 0);
INSERT INTO claims VALUES (3, 1, 1234, 'safetensors', 1000, '\x0303030303030303030303030303030303030303030303030303030303030303', 0, 1, NULL, NULL, NULL, 1700000000000000, NULL, 1, 0, NULL, 0);
INSERT INTO comments VALUES (1, 1, 3, 1, '\x0505050505050505050505050505050505050505050505050505050505050505');
INSERT INTO decided VALUES (1, 1, 3, 'none', '\x0505050505050505050505050505050505050505050505050505050505050505');
INSERT INTO decisions VALUES (1, 'sample id', 1, 3, 1, 'confirm', '\x0505050505050505050505050505050505050505050505050505050505050505', NULL, NULL, 'sample batch', 3);
INSERT INTO digests VALUES (1, '\x1111111111111111111111111111111111111111111111111111111111111111', 1);
INSERT INTO digests VALUES (1, '\x1313131313131313131313131313131313131313131313131313131313131313', 2);
INSERT INTO digests VALUES (1, '\x1111111111111111111111111111111111111111111111111111111111111111', 3);
INSERT INTO digests VALUES (2, '\x1212121212121212121212121212121212121212121212121212121212121212', 3);
INSERT INTO dismissals VALUES (1, '\x0505050505050505050505050505050505050505050505050505050505050505', 1);
INSERT INTO embedded_digests VALUES (10, '\x060606060606', 1);
INSERT INTO evidence VALUES (1, 70, 'sha256', '1111111111111111111111111111111111111111111111111111111111111111', 'The bytes are the same.', NULL, 13, 1);
INSERT INTO fact_events VALUES (1, 24, 'class-settled', NULL, 1, 1, 1, NULL);
INSERT INTO factor_roles VALUES ('sample role');
INSERT INTO frontier VALUES (1, 1, 1, 0, '', 5, 2, 1, 17, 'somebody', 0);
INSERT INTO hints VALUES (2, 1, 'filename', 14);
INSERT INTO innocent_digests VALUES (1, 1, '\x0707070707070707070707070707070707070707070707070707070707070707');
INSERT INTO innocent_events VALUES (1, 8, 'proposed', 1, 1, '\x09090909090909090909090909090909');
INSERT INTO innocent_near VALUES (1, 1, 50);
INSERT INTO innocent_sketches VALUES (1, 1, 'sample', '\x00000000000000000000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO innocents VALUES (1, 'in-sample01', 'Sample accelerator', 8);
INSERT INTO invitations VALUES ('\x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b', 1, 9, 10);
INSERT INTO jobs VALUES (1, 'sample id', 'scan', '{}', 'sample key', 'done', 3, 1, 3, 3, 3, 'sample leased_by', 3, '{}', 'sample problem', 0);
INSERT INTO learned_from VALUES (3, 1);
INSERT INTO listings VALUES (1, 0, 'next', 1, 1, NULL, NULL, NULL);
INSERT INTO lists VALUES (1, 'sample', 1700000000000000, 0, NULL, NULL);
INSERT INTO looks VALUES (1, 1, 3, 3);
INSERT INTO meta VALUES ('secret', '\x1515151515151515151515151515151515151515151515151515151515151515');
INSERT INTO meta VALUES ('key_check', '\x14141414141414141414141414141414');
INSERT INTO near VALUES (1, 10);
INSERT INTO notice_items VALUES (1, 1, 1, 3);
INSERT INTO notice_letters VALUES (1, 1, 9, 1, 0, 'notice', 'mail', 'text', '\x0202020202020202020202020202020202020202020202020202020202020202');
INSERT INTO notice_steps VALUES (1, 1, 3, 1, 'drafted', 'sample how', '\x0505050505050505050505050505050505050505050505050505050505050505');
INSERT INTO notices VALUES (1, 'sample id', 'sample hub', 'sample account', 'drafted', 3, 3, 3, 3);
INSERT INTO policies VALUES ('sample list', 3, 'sample a');
INSERT INTO problems VALUES (1, 1, 1, 'sample place', 'the file is empty', NULL, 19);
INSERT INTO quota_slices VALUES (1, 'sample walker', 9, 7);
INSERT INTO quotas VALUES (1, 'sample hub', '\x0505050505050505050505050505050505050505050505050505050505050505', 'sample bucket', 7, 8, 9, 0, 'sample walker', 9);
INSERT INTO read_digests VALUES (1, '\x1111111111111111111111111111111111111111111111111111111111111111', 1);
INSERT INTO read_entries VALUES (1, 1, '', '\x05050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505', NULL);
INSERT INTO read_sketches VALUES (1, 1, 'sample', 'adapter', 1, '\x04040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404');
INSERT INTO readings VALUES (1, 9, 'safetensors', 1000, '\x0303030303030303030303030303030303030303030303030303030303030303', 1, NULL, 'sample', 'bytes tensors');
INSERT INTO recovery_codes VALUES ('\x0c0c', 1, 7);
INSERT INTO removals VALUES (1, 'rm-sample01', 1700000000000000, NULL, 0);
INSERT INTO removals VALUES (2, 'rm-sample02', 1700000000000001, 1700000500000000, 0);
INSERT INTO repositories VALUES (1, 'hub.example', 'model', 'sample-account/lora', '\x0808080808080808080808080808080808080808', 1, 2, 3, 4, 1, 5, 6, NULL, '\x16161616161616161616161616161616');
INSERT INTO saved_filters VALUES (1, 'sf-sample01', 'sample filter', 1, 1, '{"state": "open"}', 8);
INSERT INTO scans VALUES (1, 'hub.example', 'sample target', '{}', 15, 16, '{}');
INSERT INTO sealed_index VALUES ('\x07070707070707070707070707070707', 1, 1);
INSERT INTO second_factors VALUES (1, 1, 'sample kind', '\x0606', '\x0707', '\x0808', 3, 7, 8);
INSERT INTO sessions VALUES ('\x0505050505050505050505050505050505050505050505050505050505050505', 1, 3, 3, 3, NULL, NULL, NULL);
INSERT INTO sightings VALUES (1, 'sg-sample000001', 1, 1, 70, 'live', 'bytes', 0, 11, 12, 1, 1, NULL);
INSERT INTO sign_in_steps VALUES ('\x0d0d', 'sample kind', '\x0e0e', 1, '{}', '\x0606', 9);
INSERT INTO sign_in_tries VALUES ('\x0f0f', 7, 2, 9);
INSERT INTO sketch_entries VALUES (3, 1, '', '\x05050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505', '\x06060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606');
INSERT INTO sketches VALUES (3, 1, 'sample', 'adapter', '\x04040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404');
INSERT INTO stated_digests VALUES (11, '\x05050505050505050505050505050505', 1);
INSERT INTO users VALUES (1, 'sample name', 'reviewer', 'sample password', 'sample issuer', 'sample subject', 3, 3);
INSERT INTO walks VALUES (1, '\x0808080808080808080808080808080808080808', 7, 1, 0, 0, 0, 0);
INSERT INTO watermarks VALUES ('hub.example', 'sample target', 18);
INSERT INTO withdrawals VALUES (1, 2, 1700000500000000, 0, '\x020202020202020202020202020202020202020202020202020202020202');
SELECT pg_catalog.setval('api_keys_pk_seq', 2, false);
SELECT pg_catalog.setval('artifacts_pk_seq', 2, false);
SELECT pg_catalog.setval('audit_pk_seq', 7, false);
SELECT pg_catalog.setval('bases_pk_seq', 1, false);
SELECT pg_catalog.setval('campaign_events_pk_seq', 1, true);
SELECT pg_catalog.setval('campaigns_pk_seq', 1, true);
SELECT pg_catalog.setval('cases_pk_seq', 2, false);
SELECT pg_catalog.setval('changes_pk_seq', 2, false);
SELECT pg_catalog.setval('claim_moves_pk_seq', 2, true);
SELECT pg_catalog.setval('claims_pk_seq', 4, false);
SELECT pg_catalog.setval('comments_pk_seq', 2, false);
SELECT pg_catalog.setval('decisions_pk_seq', 2, false);
SELECT pg_catalog.setval('fact_events_pk_seq', 2, false);
SELECT pg_catalog.setval('frontier_pk_seq', 2, false);
SELECT pg_catalog.setval('innocent_events_pk_seq', 2, false);
SELECT pg_catalog.setval('innocents_pk_seq', 2, false);
SELECT pg_catalog.setval('jobs_pk_seq', 2, false);
SELECT pg_catalog.setval('lists_pk_seq', 2, false);
SELECT pg_catalog.setval('notice_letters_pk_seq', 2, false);
SELECT pg_catalog.setval('notice_steps_pk_seq', 2, false);
SELECT pg_catalog.setval('notices_pk_seq', 2, false);
SELECT pg_catalog.setval('problems_pk_seq', 2, false);
SELECT pg_catalog.setval('quotas_pk_seq', 1, false);
SELECT pg_catalog.setval('removals_pk_seq', 3, false);
SELECT pg_catalog.setval('repositories_pk_seq', 2, false);
SELECT pg_catalog.setval('saved_filters_pk_seq', 1, true);
SELECT pg_catalog.setval('scans_pk_seq', 2, false);
SELECT pg_catalog.setval('second_factors_pk_seq', 1, true);
SELECT pg_catalog.setval('sightings_pk_seq', 2, false);
SELECT pg_catalog.setval('users_pk_seq', 2, false);
SELECT pg_catalog.setval('withdrawals_pk_seq', 2, false);
ALTER TABLE ONLY alembic_version
    ADD CONSTRAINT alembic_version_pkey PRIMARY KEY (version_num);
ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);
ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_id_key UNIQUE (id);
ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY artifacts
    ADD CONSTRAINT artifacts_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY assignments
    ADD CONSTRAINT assignments_pkey PRIMARY KEY (case_pk);
ALTER TABLE ONLY audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY bases
    ADD CONSTRAINT bases_name_key UNIQUE (name);
ALTER TABLE ONLY bases
    ADD CONSTRAINT bases_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY bases
    ADD CONSTRAINT bases_sha256_key UNIQUE (sha256);
ALTER TABLE ONLY blind_spots
    ADD CONSTRAINT blind_spots_pkey PRIMARY KEY (artifact_pk, spot);
ALTER TABLE ONLY campaign_accounts
    ADD CONSTRAINT campaign_accounts_pkey PRIMARY KEY (campaign_pk, hub, account);
ALTER TABLE ONLY campaign_events
    ADD CONSTRAINT campaign_events_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY campaigns
    ADD CONSTRAINT campaigns_id_key UNIQUE (id);
ALTER TABLE ONLY campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY case_sightings
    ADD CONSTRAINT case_sightings_pkey PRIMARY KEY (sighting_pk);
ALTER TABLE ONLY cases
    ADD CONSTRAINT cases_id_key UNIQUE (id);
ALTER TABLE ONLY cases
    ADD CONSTRAINT cases_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY claim_moves
    ADD CONSTRAINT claim_moves_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY comments
    ADD CONSTRAINT comments_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY decided
    ADD CONSTRAINT decided_pkey PRIMARY KEY (decision_pk, sighting_pk);
ALTER TABLE ONLY decisions
    ADD CONSTRAINT decisions_id_key UNIQUE (id);
ALTER TABLE ONLY decisions
    ADD CONSTRAINT decisions_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY digests
    ADD CONSTRAINT digests_pkey PRIMARY KEY (kind, value, claim_pk);
ALTER TABLE ONLY dismissals
    ADD CONSTRAINT dismissals_pkey PRIMARY KEY (removal_pk, sha256);
ALTER TABLE ONLY embedded_digests
    ADD CONSTRAINT embedded_digests_pkey PRIMARY KEY (kind, value, artifact_pk);
ALTER TABLE ONLY evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (sighting_pk, rung, kind);
ALTER TABLE ONLY fact_events
    ADD CONSTRAINT fact_events_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY factor_roles
    ADD CONSTRAINT factor_roles_pkey PRIMARY KEY (role);
ALTER TABLE ONLY frontier
    ADD CONSTRAINT frontier_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY hints
    ADD CONSTRAINT hints_pkey PRIMARY KEY (removal_pk, artifact_pk, kind);
ALTER TABLE ONLY innocent_digests
    ADD CONSTRAINT innocent_digests_pkey PRIMARY KEY (innocent_pk, kind);
ALTER TABLE ONLY innocent_events
    ADD CONSTRAINT innocent_events_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY innocent_near
    ADD CONSTRAINT innocent_near_pkey PRIMARY KEY (innocent_pk, removal_pk);
ALTER TABLE ONLY innocent_sketches
    ADD CONSTRAINT innocent_sketches_pkey PRIMARY KEY (innocent_pk, number);
ALTER TABLE ONLY innocents
    ADD CONSTRAINT innocents_id_key UNIQUE (id);
ALTER TABLE ONLY innocents
    ADD CONSTRAINT innocents_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY invitations
    ADD CONSTRAINT invitations_pkey PRIMARY KEY (token);
ALTER TABLE ONLY jobs
    ADD CONSTRAINT jobs_id_key UNIQUE (id);
ALTER TABLE ONLY jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY learned_from
    ADD CONSTRAINT learned_from_pkey PRIMARY KEY (learned_pk, claim_pk);
ALTER TABLE ONLY listings
    ADD CONSTRAINT listings_pkey PRIMARY KEY (scan_pk, part);
ALTER TABLE ONLY lists
    ADD CONSTRAINT lists_name_key UNIQUE (name);
ALTER TABLE ONLY lists
    ADD CONSTRAINT lists_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY looks
    ADD CONSTRAINT looks_pkey PRIMARY KEY (user_pk, case_pk);
ALTER TABLE ONLY meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);
ALTER TABLE ONLY near
    ADD CONSTRAINT near_pkey PRIMARY KEY (artifact_pk);
ALTER TABLE ONLY notice_items
    ADD CONSTRAINT notice_items_pkey PRIMARY KEY (notice_pk, sighting_pk);
ALTER TABLE ONLY notice_letters
    ADD CONSTRAINT notice_letters_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY notice_steps
    ADD CONSTRAINT notice_steps_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY notices
    ADD CONSTRAINT notices_id_key UNIQUE (id);
ALTER TABLE ONLY notices
    ADD CONSTRAINT notices_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY policies
    ADD CONSTRAINT policies_pkey PRIMARY KEY (list, rung);
ALTER TABLE ONLY problems
    ADD CONSTRAINT problems_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY quota_slices
    ADD CONSTRAINT quota_slices_pkey PRIMARY KEY (quota_pk, leased_by);
ALTER TABLE ONLY quotas
    ADD CONSTRAINT quotas_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY read_digests
    ADD CONSTRAINT read_digests_pkey PRIMARY KEY (kind, value, artifact_pk);
ALTER TABLE ONLY read_entries
    ADD CONSTRAINT read_entries_pkey PRIMARY KEY (artifact_pk, version, "group");
ALTER TABLE ONLY read_sketches
    ADD CONSTRAINT read_sketches_pkey PRIMARY KEY (artifact_pk, version);
ALTER TABLE ONLY readings
    ADD CONSTRAINT readings_pkey PRIMARY KEY (artifact_pk);
ALTER TABLE ONLY recovery_codes
    ADD CONSTRAINT recovery_codes_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY removals
    ADD CONSTRAINT removals_id_key UNIQUE (id);
ALTER TABLE ONLY removals
    ADD CONSTRAINT removals_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY repositories
    ADD CONSTRAINT repositories_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY saved_filters
    ADD CONSTRAINT saved_filters_id_key UNIQUE (id);
ALTER TABLE ONLY saved_filters
    ADD CONSTRAINT saved_filters_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY scans
    ADD CONSTRAINT scans_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY sealed_index
    ADD CONSTRAINT sealed_index_pkey PRIMARY KEY (token, claim_pk);
ALTER TABLE ONLY second_factors
    ADD CONSTRAINT second_factors_credential_key UNIQUE (credential);
ALTER TABLE ONLY second_factors
    ADD CONSTRAINT second_factors_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (token);
ALTER TABLE ONLY sightings
    ADD CONSTRAINT sightings_id_key UNIQUE (id);
ALTER TABLE ONLY sightings
    ADD CONSTRAINT sightings_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY sign_in_steps
    ADD CONSTRAINT sign_in_steps_pkey PRIMARY KEY (token);
ALTER TABLE ONLY sign_in_tries
    ADD CONSTRAINT sign_in_tries_pkey PRIMARY KEY (key, began);
ALTER TABLE ONLY sketch_entries
    ADD CONSTRAINT sketch_entries_pkey PRIMARY KEY (claim_pk, version, "group");
ALTER TABLE ONLY sketches
    ADD CONSTRAINT sketches_pkey PRIMARY KEY (claim_pk, version);
ALTER TABLE ONLY stated_digests
    ADD CONSTRAINT stated_digests_pkey PRIMARY KEY (kind, value, artifact_pk);
ALTER TABLE ONLY users
    ADD CONSTRAINT users_name_key UNIQUE (name);
ALTER TABLE ONLY users
    ADD CONSTRAINT users_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY walks
    ADD CONSTRAINT walks_pkey PRIMARY KEY (repository_pk, commit);
ALTER TABLE ONLY watermarks
    ADD CONSTRAINT watermarks_pkey PRIMARY KEY (hub, target);
ALTER TABLE ONLY withdrawals
    ADD CONSTRAINT withdrawals_pkey PRIMARY KEY (pk);
CREATE INDEX ix_artifacts_git_oid ON artifacts USING btree (git_oid);
CREATE INDEX ix_artifacts_sha256 ON artifacts USING btree (sha256);
CREATE INDEX ix_artifacts_size ON artifacts USING btree (size);
CREATE INDEX ix_assignments_user_pk ON assignments USING btree (user_pk);
CREATE INDEX ix_audit_action ON audit USING btree (action, pk);
CREATE INDEX ix_audit_actor ON audit USING btree (actor, at);
CREATE INDEX ix_audit_subject ON audit USING btree (subject, pk);
CREATE INDEX ix_blind_spots_scan_pk ON blind_spots USING btree (scan_pk);
CREATE INDEX ix_campaign_accounts_account ON campaign_accounts USING btree (hub, account);
CREATE INDEX ix_campaign_events_campaign_pk ON campaign_events USING btree (campaign_pk);
CREATE INDEX ix_case_sightings_case_pk ON case_sightings USING btree (case_pk);
CREATE INDEX ix_cases_account ON cases USING btree (hub, account, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_claimed ON cases USING btree (claimed_until) WHERE (claimed_by IS NOT NULL);
CREATE INDEX ix_cases_live ON cases USING btree (live, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_opened ON cases USING btree (opened_at, rung, state, verdict);
CREATE INDEX ix_cases_queue ON cases USING btree (state, strength DESC, reach DESC, opened_at, pk, live, removal_pk, rung);
CREATE INDEX ix_cases_removal ON cases USING btree (removal_pk, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_repository_pk ON cases USING btree (repository_pk);
CREATE INDEX ix_cases_sha256 ON cases USING btree (sha256);
CREATE INDEX ix_cases_strength ON cases USING btree (strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_uploader ON cases USING btree (account, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_verdict ON cases USING btree (verdict, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_claim_moves_claim_pk ON claim_moves USING btree (claim_pk);
CREATE INDEX ix_claim_moves_from_pk ON claim_moves USING btree (from_pk);
CREATE INDEX ix_claims_list ON claims USING btree (list_pk, removal_pk, source, in_force);
CREATE INDEX ix_claims_removal_pk ON claims USING btree (removal_pk);
CREATE INDEX ix_comments_case_pk ON comments USING btree (case_pk);
CREATE INDEX ix_decided_sha256 ON decided USING btree (sha256);
CREATE INDEX ix_decisions_at ON decisions USING btree (at);
CREATE INDEX ix_decisions_batch ON decisions USING btree (batch);
CREATE INDEX ix_decisions_because ON decisions USING btree (because);
CREATE INDEX ix_decisions_case_pk ON decisions USING btree (case_pk);
CREATE INDEX ix_digests_claim_pk ON digests USING btree (claim_pk);
CREATE INDEX ix_embedded_digests_artifact ON embedded_digests USING btree (artifact_pk);
CREATE INDEX ix_fact_events_list_pk ON fact_events USING btree (list_pk);
CREATE INDEX ix_fact_events_removal_pk ON fact_events USING btree (removal_pk);
CREATE INDEX ix_frontier_queue ON frontier USING btree (scan_pk, state, priority, pk);
CREATE INDEX ix_innocent_events_innocent_pk ON innocent_events USING btree (innocent_pk);
CREATE INDEX ix_jobs_key ON jobs USING btree (key, state);
CREATE INDEX ix_jobs_state ON jobs USING btree (state, pk);
CREATE INDEX ix_learned_from_claim_pk ON learned_from USING btree (claim_pk);
CREATE INDEX ix_notice_items_sighting ON notice_items USING btree (sighting_pk);
CREATE INDEX ix_notice_letters_notice_pk ON notice_letters USING btree (notice_pk);
CREATE INDEX ix_notice_steps_notice_pk ON notice_steps USING btree (notice_pk);
CREATE INDEX ix_notices_account ON notices USING btree (hub, account);
CREATE INDEX ix_notices_state ON notices USING btree (state, due_at);
CREATE INDEX ix_problems_scan_pk ON problems USING btree (scan_pk);
CREATE INDEX ix_read_digests_artifact ON read_digests USING btree (artifact_pk);
CREATE INDEX ix_recovery_codes_user_pk ON recovery_codes USING btree (user_pk);
CREATE INDEX ix_repositories_own_id ON repositories USING btree (own_id);
CREATE INDEX ix_scans_target ON scans USING btree (hub, target);
CREATE INDEX ix_second_factors_user_pk ON second_factors USING btree (user_pk);
CREATE INDEX ix_sessions_user_pk ON sessions USING btree (user_pk);
CREATE INDEX ix_sightings_artifact_pk ON sightings USING btree (artifact_pk);
CREATE INDEX ix_sightings_removal_pk ON sightings USING btree (removal_pk);
CREATE INDEX ix_sightings_touched ON sightings USING btree (touched, pk);
CREATE INDEX ix_sign_in_steps_ends_at ON sign_in_steps USING btree (ends_at);
CREATE INDEX ix_sign_in_tries_ends_at ON sign_in_tries USING btree (ends_at);
CREATE INDEX ix_stated_digests_artifact ON stated_digests USING btree (artifact_pk);
CREATE INDEX ix_withdrawals_removal_pk ON withdrawals USING btree (removal_pk);
CREATE UNIQUE INDEX ux_artifacts ON artifacts USING btree (repository_pk, path, git_oid);
CREATE UNIQUE INDEX ux_cases ON cases USING btree (removal_pk, repository_pk);
CREATE UNIQUE INDEX ux_decisions_undoes ON decisions USING btree (undoes);
CREATE UNIQUE INDEX ux_frontier ON frontier USING btree (scan_pk, repository_pk, task, subject);
CREATE UNIQUE INDEX ux_invitations_user_pk ON invitations USING btree (user_pk);
CREATE UNIQUE INDEX ux_quotas ON quotas USING btree (hub, principal, bucket);
CREATE UNIQUE INDEX ux_repositories ON repositories USING btree (hub, type, repo);
CREATE UNIQUE INDEX ux_saved_filters ON saved_filters USING btree (user_pk, name);
CREATE UNIQUE INDEX ux_sightings ON sightings USING btree (removal_pk, artifact_pk);
CREATE UNIQUE INDEX ux_users_issuer ON users USING btree (issuer, subject);
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER campaign_events_no_delete BEFORE DELETE ON campaign_events FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER campaign_events_no_truncate BEFORE TRUNCATE ON campaign_events FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER campaign_events_no_update BEFORE UPDATE ON campaign_events FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER changes_no_delete BEFORE DELETE ON changes FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER changes_no_truncate BEFORE TRUNCATE ON changes FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER changes_no_update BEFORE UPDATE ON changes FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER claim_moves_no_delete BEFORE DELETE ON claim_moves FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER claim_moves_no_truncate BEFORE TRUNCATE ON claim_moves FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER claim_moves_no_update BEFORE UPDATE ON claim_moves FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER comments_no_delete BEFORE DELETE ON comments FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER comments_no_truncate BEFORE TRUNCATE ON comments FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER comments_no_update BEFORE UPDATE ON comments FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER decided_no_delete BEFORE DELETE ON decided FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER decided_no_truncate BEFORE TRUNCATE ON decided FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER decided_no_update BEFORE UPDATE ON decided FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER decisions_no_truncate BEFORE TRUNCATE ON decisions FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER decisions_no_update BEFORE UPDATE ON decisions FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER fact_events_no_delete BEFORE DELETE ON fact_events FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER fact_events_no_truncate BEFORE TRUNCATE ON fact_events FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER fact_events_no_update BEFORE UPDATE ON fact_events FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER innocent_digests_no_delete BEFORE DELETE ON innocent_digests FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER innocent_digests_no_truncate BEFORE TRUNCATE ON innocent_digests FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER innocent_digests_no_update BEFORE UPDATE ON innocent_digests FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER innocent_events_no_delete BEFORE DELETE ON innocent_events FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER innocent_events_no_truncate BEFORE TRUNCATE ON innocent_events FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER innocent_events_no_update BEFORE UPDATE ON innocent_events FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER innocent_sketches_no_delete BEFORE DELETE ON innocent_sketches FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER innocent_sketches_no_truncate BEFORE TRUNCATE ON innocent_sketches FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER innocent_sketches_no_update BEFORE UPDATE ON innocent_sketches FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER innocents_no_delete BEFORE DELETE ON innocents FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER innocents_no_truncate BEFORE TRUNCATE ON innocents FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER innocents_no_update BEFORE UPDATE ON innocents FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER notice_letters_no_delete BEFORE DELETE ON notice_letters FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER notice_letters_no_truncate BEFORE TRUNCATE ON notice_letters FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER notice_letters_no_update BEFORE UPDATE ON notice_letters FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER notice_steps_no_delete BEFORE DELETE ON notice_steps FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER notice_steps_no_truncate BEFORE TRUNCATE ON notice_steps FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER notice_steps_no_update BEFORE UPDATE ON notice_steps FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER withdrawals_no_delete BEFORE DELETE ON withdrawals FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER withdrawals_no_truncate BEFORE TRUNCATE ON withdrawals FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER withdrawals_no_update BEFORE UPDATE ON withdrawals FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(pk);
ALTER TABLE ONLY artifacts
    ADD CONSTRAINT artifacts_repository_pk_fkey FOREIGN KEY (repository_pk) REFERENCES repositories(pk);
ALTER TABLE ONLY assignments
    ADD CONSTRAINT assignments_by_pk_fkey FOREIGN KEY (by_pk) REFERENCES users(pk);
ALTER TABLE ONLY assignments
    ADD CONSTRAINT assignments_case_pk_fkey FOREIGN KEY (case_pk) REFERENCES cases(pk);
ALTER TABLE ONLY assignments
    ADD CONSTRAINT assignments_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY blind_spots
    ADD CONSTRAINT blind_spots_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY campaign_accounts
    ADD CONSTRAINT campaign_accounts_campaign_pk_fkey FOREIGN KEY (campaign_pk) REFERENCES campaigns(pk);
ALTER TABLE ONLY case_sightings
    ADD CONSTRAINT case_sightings_case_pk_fkey FOREIGN KEY (case_pk) REFERENCES cases(pk);
ALTER TABLE ONLY case_sightings
    ADD CONSTRAINT case_sightings_sighting_pk_fkey FOREIGN KEY (sighting_pk) REFERENCES sightings(pk);
ALTER TABLE ONLY cases
    ADD CONSTRAINT cases_claimed_by_fkey FOREIGN KEY (claimed_by) REFERENCES users(pk);
ALTER TABLE ONLY cases
    ADD CONSTRAINT cases_removal_pk_fkey FOREIGN KEY (removal_pk) REFERENCES removals(pk);
ALTER TABLE ONLY cases
    ADD CONSTRAINT cases_repository_pk_fkey FOREIGN KEY (repository_pk) REFERENCES repositories(pk);
ALTER TABLE ONLY comments
    ADD CONSTRAINT comments_case_pk_fkey FOREIGN KEY (case_pk) REFERENCES cases(pk);
ALTER TABLE ONLY comments
    ADD CONSTRAINT comments_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY decided
    ADD CONSTRAINT decided_decision_pk_fkey FOREIGN KEY (decision_pk) REFERENCES decisions(pk);
ALTER TABLE ONLY decided
    ADD CONSTRAINT decided_sighting_pk_fkey FOREIGN KEY (sighting_pk) REFERENCES sightings(pk);
ALTER TABLE ONLY decisions
    ADD CONSTRAINT decisions_because_fkey FOREIGN KEY (because) REFERENCES decisions(pk);
ALTER TABLE ONLY decisions
    ADD CONSTRAINT decisions_case_pk_fkey FOREIGN KEY (case_pk) REFERENCES cases(pk);
ALTER TABLE ONLY decisions
    ADD CONSTRAINT decisions_undoes_fkey FOREIGN KEY (undoes) REFERENCES decisions(pk);
ALTER TABLE ONLY decisions
    ADD CONSTRAINT decisions_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY dismissals
    ADD CONSTRAINT dismissals_decision_pk_fkey FOREIGN KEY (decision_pk) REFERENCES decisions(pk);
ALTER TABLE ONLY dismissals
    ADD CONSTRAINT dismissals_removal_pk_fkey FOREIGN KEY (removal_pk) REFERENCES removals(pk);
ALTER TABLE ONLY embedded_digests
    ADD CONSTRAINT embedded_digests_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY evidence
    ADD CONSTRAINT evidence_sighting_pk_fkey FOREIGN KEY (sighting_pk) REFERENCES sightings(pk);
ALTER TABLE ONLY frontier
    ADD CONSTRAINT frontier_repository_pk_fkey FOREIGN KEY (repository_pk) REFERENCES repositories(pk);
ALTER TABLE ONLY frontier
    ADD CONSTRAINT frontier_scan_pk_fkey FOREIGN KEY (scan_pk) REFERENCES scans(pk);
ALTER TABLE ONLY hints
    ADD CONSTRAINT hints_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY hints
    ADD CONSTRAINT hints_removal_pk_fkey FOREIGN KEY (removal_pk) REFERENCES removals(pk);
ALTER TABLE ONLY innocent_near
    ADD CONSTRAINT innocent_near_innocent_pk_fkey FOREIGN KEY (innocent_pk) REFERENCES innocents(pk);
ALTER TABLE ONLY innocent_near
    ADD CONSTRAINT innocent_near_removal_pk_fkey FOREIGN KEY (removal_pk) REFERENCES removals(pk);
ALTER TABLE ONLY invitations
    ADD CONSTRAINT invitations_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY jobs
    ADD CONSTRAINT jobs_asked_by_fkey FOREIGN KEY (asked_by) REFERENCES users(pk);
ALTER TABLE ONLY listings
    ADD CONSTRAINT listings_scan_pk_fkey FOREIGN KEY (scan_pk) REFERENCES scans(pk);
ALTER TABLE ONLY looks
    ADD CONSTRAINT looks_case_pk_fkey FOREIGN KEY (case_pk) REFERENCES cases(pk);
ALTER TABLE ONLY looks
    ADD CONSTRAINT looks_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY near
    ADD CONSTRAINT near_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY notice_items
    ADD CONSTRAINT notice_items_case_pk_fkey FOREIGN KEY (case_pk) REFERENCES cases(pk);
ALTER TABLE ONLY notice_items
    ADD CONSTRAINT notice_items_notice_pk_fkey FOREIGN KEY (notice_pk) REFERENCES notices(pk);
ALTER TABLE ONLY notice_items
    ADD CONSTRAINT notice_items_sighting_pk_fkey FOREIGN KEY (sighting_pk) REFERENCES sightings(pk);
ALTER TABLE ONLY notice_letters
    ADD CONSTRAINT notice_letters_notice_pk_fkey FOREIGN KEY (notice_pk) REFERENCES notices(pk);
ALTER TABLE ONLY notice_letters
    ADD CONSTRAINT notice_letters_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY notice_steps
    ADD CONSTRAINT notice_steps_notice_pk_fkey FOREIGN KEY (notice_pk) REFERENCES notices(pk);
ALTER TABLE ONLY notice_steps
    ADD CONSTRAINT notice_steps_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY problems
    ADD CONSTRAINT problems_scan_pk_fkey FOREIGN KEY (scan_pk) REFERENCES scans(pk);
ALTER TABLE ONLY quota_slices
    ADD CONSTRAINT quota_slices_quota_pk_fkey FOREIGN KEY (quota_pk) REFERENCES quotas(pk);
ALTER TABLE ONLY read_digests
    ADD CONSTRAINT read_digests_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY read_entries
    ADD CONSTRAINT read_entries_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY read_sketches
    ADD CONSTRAINT read_sketches_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY readings
    ADD CONSTRAINT readings_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY recovery_codes
    ADD CONSTRAINT recovery_codes_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY saved_filters
    ADD CONSTRAINT saved_filters_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY second_factors
    ADD CONSTRAINT second_factors_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY sessions
    ADD CONSTRAINT sessions_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY sightings
    ADD CONSTRAINT sightings_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY sightings
    ADD CONSTRAINT sightings_removal_pk_fkey FOREIGN KEY (removal_pk) REFERENCES removals(pk);
ALTER TABLE ONLY sign_in_steps
    ADD CONSTRAINT sign_in_steps_user_pk_fkey FOREIGN KEY (user_pk) REFERENCES users(pk);
ALTER TABLE ONLY sketch_entries
    ADD CONSTRAINT sketch_entries_claim_pk_fkey FOREIGN KEY (claim_pk) REFERENCES claims(pk);
ALTER TABLE ONLY sketches
    ADD CONSTRAINT sketches_claim_pk_fkey FOREIGN KEY (claim_pk) REFERENCES claims(pk);
ALTER TABLE ONLY stated_digests
    ADD CONSTRAINT stated_digests_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY walks
    ADD CONSTRAINT walks_repository_pk_fkey FOREIGN KEY (repository_pk) REFERENCES repositories(pk);
ALTER TABLE ONLY withdrawals
    ADD CONSTRAINT withdrawals_removal_pk_fkey FOREIGN KEY (removal_pk) REFERENCES removals(pk);
