CREATE FUNCTION append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$BEGIN RAISE EXCEPTION 'append-only'; END$$;
CREATE TABLE alembic_version (
    version_num character varying(32) NOT NULL
);
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
CREATE TABLE audit (
    pk bigint NOT NULL,
    at bigint NOT NULL,
    actor text NOT NULL,
    action character varying(32) NOT NULL,
    subject text NOT NULL,
    details text
);
CREATE SEQUENCE audit_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE audit_pk_seq OWNED BY audit.pk;
CREATE TABLE digests (
    kind smallint NOT NULL,
    value bytea NOT NULL,
    file_pk bigint NOT NULL,
    learned smallint NOT NULL
);
CREATE TABLE evidence (
    sighting_pk bigint NOT NULL,
    rung smallint NOT NULL,
    kind character varying(24) NOT NULL,
    value text NOT NULL,
    why text NOT NULL,
    figures text,
    at bigint NOT NULL
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
    leased_by text
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
CREATE TABLE meta (
    name character varying(64) NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE near (
    artifact_pk bigint NOT NULL,
    at bigint NOT NULL
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
    architecture text
);
CREATE TABLE removals (
    pk bigint NOT NULL,
    id character varying(16) NOT NULL,
    list text NOT NULL,
    site text,
    removed_on integer,
    added_at bigint NOT NULL,
    withdrawn_at bigint,
    sealed bytea
);
CREATE SEQUENCE removals_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE removals_pk_seq OWNED BY removals.pk;
CREATE TABLE removed_files (
    pk bigint NOT NULL,
    removal_pk bigint NOT NULL,
    size bigint,
    container character varying(16),
    data_size bigint,
    layout bytea
);
CREATE SEQUENCE removed_files_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE removed_files_pk_seq OWNED BY removed_files.pk;
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
    last_listed bigint
);
CREATE SEQUENCE repositories_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE repositories_pk_seq OWNED BY repositories.pk;
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
    removal_pk bigint NOT NULL,
    field smallint NOT NULL
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
    scan_pk bigint
);
CREATE SEQUENCE sightings_pk_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE sightings_pk_seq OWNED BY sightings.pk;
CREATE TABLE sketch_entries (
    file_pk bigint NOT NULL,
    version smallint NOT NULL,
    "group" character varying(24) NOT NULL,
    slots bytea NOT NULL,
    code bytea NOT NULL
);
CREATE TABLE sketches (
    file_pk bigint NOT NULL,
    version smallint NOT NULL,
    architecture text NOT NULL,
    kind text NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE walks (
    repository_pk bigint NOT NULL,
    commit bytea NOT NULL,
    at bigint NOT NULL,
    refs smallint NOT NULL
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
ALTER TABLE ONLY artifacts ALTER COLUMN pk SET DEFAULT nextval('artifacts_pk_seq'::regclass);
ALTER TABLE ONLY audit ALTER COLUMN pk SET DEFAULT nextval('audit_pk_seq'::regclass);
ALTER TABLE ONLY frontier ALTER COLUMN pk SET DEFAULT nextval('frontier_pk_seq'::regclass);
ALTER TABLE ONLY problems ALTER COLUMN pk SET DEFAULT nextval('problems_pk_seq'::regclass);
ALTER TABLE ONLY removals ALTER COLUMN pk SET DEFAULT nextval('removals_pk_seq'::regclass);
ALTER TABLE ONLY removed_files ALTER COLUMN pk SET DEFAULT nextval('removed_files_pk_seq'::regclass);
ALTER TABLE ONLY repositories ALTER COLUMN pk SET DEFAULT nextval('repositories_pk_seq'::regclass);
ALTER TABLE ONLY scans ALTER COLUMN pk SET DEFAULT nextval('scans_pk_seq'::regclass);
ALTER TABLE ONLY sightings ALTER COLUMN pk SET DEFAULT nextval('sightings_pk_seq'::regclass);
ALTER TABLE ONLY withdrawals ALTER COLUMN pk SET DEFAULT nextval('withdrawals_pk_seq'::regclass);
INSERT INTO alembic_version VALUES ('0001');
INSERT INTO artifacts VALUES (1, 1, '\x0808080808080808080808080808080808080808', 'main', 'Test model.safetensors', 1234, '\x1111111111111111111111111111111111111111111111111111111111111111', '\x2222222222222222222222222222222222222222222222222222222222222222', '\x3333333333333333333333333333333333333333', 2, 8);
INSERT INTO audit VALUES (1, 20, 'sample-account', 'import', '*', '{"added": 2, "list": "sample"}');
INSERT INTO audit VALUES (2, 21, 'sample-account', 'add', 'rm-sample01', NULL);
INSERT INTO audit VALUES (3, 22, 'sample-account', 'withdraw', 'rm-sample02', NULL);
INSERT INTO audit VALUES (4, 23, 'Ünïcode "quoted" \ account', 'reveal', 'rm-sample01', '{}');
INSERT INTO digests VALUES (1, '\x1111111111111111111111111111111111111111111111111111111111111111', 1, 0);
INSERT INTO digests VALUES (2, '\x1212121212121212121212121212121212121212121212121212121212121212', 1, 1);
INSERT INTO digests VALUES (1, '\x1313131313131313131313131313131313131313131313131313131313131313', 2, 0);
INSERT INTO evidence VALUES (1, 70, 'sha256', '1111111111111111111111111111111111111111111111111111111111111111', 'The bytes are the same.', NULL, 13);
INSERT INTO frontier VALUES (1, 1, 1, 0, '', 5, 2, 1, 17, 'somebody');
INSERT INTO hints VALUES (2, 1, 'filename', 14);
INSERT INTO listings VALUES (1, 0, 'next', 1, 1, NULL, NULL, NULL);
INSERT INTO meta VALUES ('key_check', '\x14141414141414141414141414141414');
INSERT INTO meta VALUES ('secret', '\x1515151515151515151515151515151515151515151515151515151515151515');
INSERT INTO near VALUES (1, 10);
INSERT INTO problems VALUES (1, 1, 1, 'sample place', 'the file is empty', NULL, 19);
INSERT INTO read_digests VALUES (1, '\x1111111111111111111111111111111111111111111111111111111111111111', 1);
INSERT INTO read_entries VALUES (1, 1, '', '\x05050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505', NULL);
INSERT INTO read_sketches VALUES (1, 1, 'sample', 'adapter', 1, '\x04040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404');
INSERT INTO readings VALUES (1, 9, 'safetensors', 1000, '\x0303030303030303030303030303030303030303030303030303030303030303', 1, NULL, 'sample');
INSERT INTO removals VALUES (1, 'rm-sample01', 'sample', 'models.example', 20000, 1700000000000000, NULL, '\x01010101010101010101010101010101010101010101010101010101010101010101010101010101');
INSERT INTO removals VALUES (2, 'rm-sample02', 'sample', NULL, NULL, 1700000000000001, 1700000500000000, NULL);
INSERT INTO removed_files VALUES (1, 1, 1234, 'safetensors', 1000, '\x0303030303030303030303030303030303030303030303030303030303030303');
INSERT INTO removed_files VALUES (2, 2, NULL, NULL, NULL, NULL);
INSERT INTO repositories VALUES (1, 'hub.example', 'model', 'sample-account/lora', '\x0808080808080808080808080808080808080808', 1, 2, 3, 4, 1, 5, 6);
INSERT INTO scans VALUES (1, 'hub.example', 'sample target', '{}', 15, 16, '{}');
INSERT INTO sealed_index VALUES ('\x07070707070707070707070707070707', 1, 1);
INSERT INTO sightings VALUES (1, 'sg-sample000001', 1, 1, 70, 'live', 'bytes', 0, 11, 12, 1);
INSERT INTO sketch_entries VALUES (1, 1, '', '\x05050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505', '\x06060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606');
INSERT INTO sketches VALUES (1, 1, 'sample', 'adapter', '\x04040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404');
INSERT INTO walks VALUES (1, '\x0808080808080808080808080808080808080808', 7, 1);
INSERT INTO watermarks VALUES ('hub.example', 'sample target', 18);
INSERT INTO withdrawals VALUES (1, 2, 1700000500000000, 0, '\x020202020202020202020202020202020202020202020202020202020202');
SELECT pg_catalog.setval('artifacts_pk_seq', 1, false);
SELECT pg_catalog.setval('audit_pk_seq', 4, true);
SELECT pg_catalog.setval('frontier_pk_seq', 1, false);
SELECT pg_catalog.setval('problems_pk_seq', 1, false);
SELECT pg_catalog.setval('removals_pk_seq', 1, false);
SELECT pg_catalog.setval('removed_files_pk_seq', 1, false);
SELECT pg_catalog.setval('repositories_pk_seq', 1, false);
SELECT pg_catalog.setval('scans_pk_seq', 1, false);
SELECT pg_catalog.setval('sightings_pk_seq', 1, false);
SELECT pg_catalog.setval('withdrawals_pk_seq', 1, false);
ALTER TABLE ONLY alembic_version
    ADD CONSTRAINT alembic_version_pkey PRIMARY KEY (version_num);
ALTER TABLE ONLY artifacts
    ADD CONSTRAINT artifacts_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY digests
    ADD CONSTRAINT digests_pkey PRIMARY KEY (kind, value, file_pk);
ALTER TABLE ONLY evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (sighting_pk, rung, kind);
ALTER TABLE ONLY frontier
    ADD CONSTRAINT frontier_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY hints
    ADD CONSTRAINT hints_pkey PRIMARY KEY (removal_pk, artifact_pk, kind);
ALTER TABLE ONLY listings
    ADD CONSTRAINT listings_pkey PRIMARY KEY (scan_pk, part);
ALTER TABLE ONLY meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);
ALTER TABLE ONLY near
    ADD CONSTRAINT near_pkey PRIMARY KEY (artifact_pk);
ALTER TABLE ONLY problems
    ADD CONSTRAINT problems_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY read_digests
    ADD CONSTRAINT read_digests_pkey PRIMARY KEY (kind, value, artifact_pk);
ALTER TABLE ONLY read_entries
    ADD CONSTRAINT read_entries_pkey PRIMARY KEY (artifact_pk, version, "group");
ALTER TABLE ONLY read_sketches
    ADD CONSTRAINT read_sketches_pkey PRIMARY KEY (artifact_pk, version);
ALTER TABLE ONLY readings
    ADD CONSTRAINT readings_pkey PRIMARY KEY (artifact_pk);
ALTER TABLE ONLY removals
    ADD CONSTRAINT removals_id_key UNIQUE (id);
ALTER TABLE ONLY removals
    ADD CONSTRAINT removals_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY removed_files
    ADD CONSTRAINT removed_files_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY repositories
    ADD CONSTRAINT repositories_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY scans
    ADD CONSTRAINT scans_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY sealed_index
    ADD CONSTRAINT sealed_index_pkey PRIMARY KEY (token, removal_pk);
ALTER TABLE ONLY sightings
    ADD CONSTRAINT sightings_id_key UNIQUE (id);
ALTER TABLE ONLY sightings
    ADD CONSTRAINT sightings_pkey PRIMARY KEY (pk);
ALTER TABLE ONLY sketch_entries
    ADD CONSTRAINT sketch_entries_pkey PRIMARY KEY (file_pk, version, "group");
ALTER TABLE ONLY sketches
    ADD CONSTRAINT sketches_pkey PRIMARY KEY (file_pk, version);
ALTER TABLE ONLY walks
    ADD CONSTRAINT walks_pkey PRIMARY KEY (repository_pk, commit);
ALTER TABLE ONLY watermarks
    ADD CONSTRAINT watermarks_pkey PRIMARY KEY (hub, target);
ALTER TABLE ONLY withdrawals
    ADD CONSTRAINT withdrawals_pkey PRIMARY KEY (pk);
CREATE INDEX ix_artifacts_git_oid ON artifacts USING btree (git_oid);
CREATE INDEX ix_artifacts_sha256 ON artifacts USING btree (sha256);
CREATE INDEX ix_artifacts_size ON artifacts USING btree (size);
CREATE INDEX ix_digests_file_pk ON digests USING btree (file_pk);
CREATE INDEX ix_frontier_queue ON frontier USING btree (scan_pk, state, priority, pk);
CREATE INDEX ix_problems_scan_pk ON problems USING btree (scan_pk);
CREATE INDEX ix_read_digests_artifact ON read_digests USING btree (artifact_pk);
CREATE INDEX ix_removed_files_removal_pk ON removed_files USING btree (removal_pk);
CREATE INDEX ix_scans_target ON scans USING btree (hub, target);
CREATE INDEX ix_sightings_artifact_pk ON sightings USING btree (artifact_pk);
CREATE INDEX ix_sightings_removal_pk ON sightings USING btree (removal_pk);
CREATE INDEX ix_withdrawals_removal_pk ON withdrawals USING btree (removal_pk);
CREATE UNIQUE INDEX ux_artifacts ON artifacts USING btree (repository_pk, path, git_oid);
CREATE UNIQUE INDEX ux_frontier ON frontier USING btree (scan_pk, repository_pk, task, subject);
CREATE UNIQUE INDEX ux_repositories ON repositories USING btree (hub, type, repo);
CREATE UNIQUE INDEX ux_sightings ON sightings USING btree (removal_pk, artifact_pk);
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER withdrawals_no_delete BEFORE DELETE ON withdrawals FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER withdrawals_no_update BEFORE UPDATE ON withdrawals FOR EACH ROW EXECUTE FUNCTION append_only();
ALTER TABLE ONLY artifacts
    ADD CONSTRAINT artifacts_repository_pk_fkey FOREIGN KEY (repository_pk) REFERENCES repositories(pk);
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
ALTER TABLE ONLY listings
    ADD CONSTRAINT listings_scan_pk_fkey FOREIGN KEY (scan_pk) REFERENCES scans(pk);
ALTER TABLE ONLY near
    ADD CONSTRAINT near_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY problems
    ADD CONSTRAINT problems_scan_pk_fkey FOREIGN KEY (scan_pk) REFERENCES scans(pk);
ALTER TABLE ONLY read_digests
    ADD CONSTRAINT read_digests_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY read_entries
    ADD CONSTRAINT read_entries_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY read_sketches
    ADD CONSTRAINT read_sketches_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY readings
    ADD CONSTRAINT readings_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY sightings
    ADD CONSTRAINT sightings_artifact_pk_fkey FOREIGN KEY (artifact_pk) REFERENCES artifacts(pk);
ALTER TABLE ONLY sightings
    ADD CONSTRAINT sightings_removal_pk_fkey FOREIGN KEY (removal_pk) REFERENCES removals(pk);
ALTER TABLE ONLY sketch_entries
    ADD CONSTRAINT sketch_entries_file_pk_fkey FOREIGN KEY (file_pk) REFERENCES removed_files(pk);
ALTER TABLE ONLY sketches
    ADD CONSTRAINT sketches_file_pk_fkey FOREIGN KEY (file_pk) REFERENCES removed_files(pk);
ALTER TABLE ONLY walks
    ADD CONSTRAINT walks_repository_pk_fkey FOREIGN KEY (repository_pk) REFERENCES repositories(pk);
ALTER TABLE ONLY withdrawals
    ADD CONSTRAINT withdrawals_removal_pk_fkey FOREIGN KEY (removal_pk) REFERENCES removals(pk);
