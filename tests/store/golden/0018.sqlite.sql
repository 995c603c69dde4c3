BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO "alembic_version" VALUES('0018');
CREATE TABLE api_keys (
	pk INTEGER NOT NULL, 
	id VARCHAR(24) NOT NULL, 
	name TEXT NOT NULL, 
	hash BLOB NOT NULL, 
	scopes TEXT NOT NULL, 
	rate FLOAT NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by INTEGER, 
	revoked_at BIGINT, 
	PRIMARY KEY (pk), 
	UNIQUE (id), 
	UNIQUE (hash), 
	FOREIGN KEY(created_by) REFERENCES users (pk)
);
INSERT INTO "api_keys" VALUES(1,'sample id','sample name',X'0505050505050505050505050505050505050505050505050505050505050505','sample scopes',1.5,3,1,3);
CREATE TABLE artifacts (
	pk INTEGER NOT NULL, 
	repository_pk INTEGER NOT NULL, 
	"commit" BLOB NOT NULL, 
	ref TEXT, 
	path TEXT NOT NULL, 
	size BIGINT, 
	sha256 BLOB, 
	xet BLOB, 
	git_oid BLOB, 
	flags SMALLINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	PRIMARY KEY (pk), 
	FOREIGN KEY(repository_pk) REFERENCES repositories (pk)
);
INSERT INTO "artifacts" VALUES(1,1,X'0808080808080808080808080808080808080808','main','Test model.safetensors',1234,X'1111111111111111111111111111111111111111111111111111111111111111',X'2222222222222222222222222222222222222222222222222222222222222222',X'3333333333333333333333333333333333333333',2,8);
CREATE TABLE assignments (
	case_pk INTEGER NOT NULL, 
	user_pk INTEGER NOT NULL, 
	by_pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (case_pk), 
	FOREIGN KEY(case_pk) REFERENCES cases (pk), 
	FOREIGN KEY(user_pk) REFERENCES users (pk), 
	FOREIGN KEY(by_pk) REFERENCES users (pk)
)
 WITHOUT ROWID

;
INSERT INTO "assignments" VALUES(1,1,1,7);
CREATE TABLE audit (
	pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	actor TEXT NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	subject TEXT NOT NULL, 
	details TEXT, 
	hash BLOB, 
	PRIMARY KEY (pk)
);
INSERT INTO "audit" VALUES(1,20,'sample-account','import','*','{"added": 2, "list": "sample"}',X'7192C548460D25AA58A212E25DE0BE5D46940C7F7F30394C930663C2DE5C40B9');
INSERT INTO "audit" VALUES(2,21,'sample-account','add','rm-sample01',NULL,X'BF73876A5CC251874D713D9B32AF28C776312FE02A7D0B0C67F86DFC4988E760');
INSERT INTO "audit" VALUES(3,22,'sample-account','withdraw','rm-sample02',NULL,X'A5C235BBF93AC56C6D08DF661A8EACBD37EAC0D796CBBDE5A2385E9531FFDFDD');
INSERT INTO "audit" VALUES(4,23,'Ünïcode "quoted" \ account','reveal','rm-sample01','{}',X'9091F23FD52E57B13BAAF3B6303A1A1B44082997E74C8D9873C7ED55A5DC195C');
INSERT INTO "audit" VALUES(5,1795859905953402,'reseen','sealed','*','{"claims": 3, "claims_to": 3, "decisions": 1, "decisions_to": 1, "fact_events": 0, "fact_events_to": 0, "rows": "6843793b080de04b04364b4b40ff6dd0fcd2f84195f7f5cbef3baae902447eb1", "withdrawals": 1, "withdrawals_to": 1}',X'BE2129227284069BE0C843C90FD234519ED168717EF767ABA7ECE7C79B4F38CA');
INSERT INTO "audit" VALUES(6,1795859905959685,'sample-account','settle-class','rm-sample01','{"class": "other", "covers": "fact_events 1", "rows": "495638fd1e7520925b8e18963e24572e492d69e3fbeeb79aac233d0e9d51865a"}',X'C2332505237BA208D32FE6B4A47A824197087CC8E8ABF57150D2B9C0BF5433B7');
INSERT INTO "audit" VALUES(7,1795887118489504,'reseen','sealed','*','{"claims_stood": 1, "claims_stood_to": 3, "comments": 1, "comments_to": 1, "notice_steps": 1, "notice_steps_to": 1, "notices_stood": 1, "notices_stood_to": 1, "rows": "bff59a7c8a7ba14bdf88bd8029c2380b497c6bed1529290c7d02f0164b0667d9", "stood": "e556d67645b2b6dff108179d8be162d46d572214172712f2b942cd4aadd4c251"}',X'5A387DF19506B7A0286DCD6BD86DF32D64FE8D7B75556741393BAFD0916FF786');
INSERT INTO "audit" VALUES(8,1795946997504878,'sample-account','move-claims','*','{"covers": "claim_moves 1-2", "rows": "68ffdd72af79d77f1cac52482756e05e2c9a234bcfbea879d49ae95eeafd03bc"}',X'1DAFACC7D957FA88A75EC23A9553507CCA705293F0394288CF110053CC315030');
INSERT INTO "audit" VALUES(9,1795947011183426,'sample-account','propose-innocent','in-sample01','{"covers": "innocent_events 1", "rows": "e105c6a4238a831d7438e766df5e132d977f223235a666c82902ddb65cf0c338"}',X'1B22ED2C1CE5B14ABFC1A1AB427B30AF42ECD205532038B3861B3AB588F4906C');
INSERT INTO "audit" VALUES(10,1795967181463671,'sample-account','export','nt-sample01','{"covers": "notice_letters 1", "rows": "0e058c6cb60488a55d580cf17724d0ad6f1da7af4df8a2daac60bc03c68831b2"}',X'348C6335B87192D85D24BA9CF6FC2EA9668A5ADAC5E0D4D3449FDA7C23714429');
INSERT INTO "audit" VALUES(11,1795947011183428,'sample-account','campaign-taken-out','cp-sample01','{"covers": "campaign_events 1", "rows": "07ac867b2a33a7798a4609454ff207e6b67c09c7e2f30d2a57f57ffdfeb4e9c4"}',X'2548B93F78A2B7BA60DCBF9343E40889360C6B3E97DC9EF1D4DE963DCDCAD02F');
CREATE TABLE bases (
	pk INTEGER NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	architecture TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 BLOB NOT NULL, 
	modules INTEGER NOT NULL, 
	added_at BIGINT NOT NULL, 
	value BLOB NOT NULL, 
	PRIMARY KEY (pk), 
	UNIQUE (name), 
	UNIQUE (sha256)
);
INSERT INTO "bases" VALUES(1,'sample base','sample',1234,X'0909090909090909090909090909090909090909090909090909090909090909',3,20,X'00000000000000000000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE blind_spots (
	artifact_pk INTEGER NOT NULL, 
	spot SMALLINT NOT NULL, 
	code VARCHAR(24) NOT NULL, 
	reason TEXT NOT NULL, 
	count BIGINT NOT NULL, 
	scan_pk BIGINT, 
	PRIMARY KEY (artifact_pk, spot), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
)
 WITHOUT ROWID

;
INSERT INTO "blind_spots" VALUES(1,0,'malformed','a tensor lies outside of the file',2,1);
CREATE TABLE campaign_accounts (
	campaign_pk INTEGER NOT NULL, 
	hub TEXT NOT NULL, 
	account TEXT NOT NULL, 
	joined_at BIGINT NOT NULL, 
	left_at BIGINT, 
	why TEXT NOT NULL, 
	PRIMARY KEY (campaign_pk, hub, account), 
	FOREIGN KEY(campaign_pk) REFERENCES campaigns (pk)
)  WITHOUT ROWID;
INSERT INTO "campaign_accounts" VALUES(1,'sample hub','sample account',7,8,'{"bits": {"removals": 40.5}, "shared": 3}');
CREATE TABLE campaign_events (
	pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	what VARCHAR(12) NOT NULL, 
	campaign_pk BIGINT NOT NULL, 
	hub TEXT, 
	account TEXT, 
	user_pk BIGINT NOT NULL, 
	PRIMARY KEY (pk)
);
INSERT INTO "campaign_events" VALUES(1,7,'taken out',1,'sample hub','sample account',1);
CREATE TABLE campaigns (
	pk INTEGER NOT NULL, 
	id VARCHAR(16) NOT NULL, 
	found_at BIGINT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	PRIMARY KEY (pk), 
	UNIQUE (id)
);
INSERT INTO "campaigns" VALUES(1,'cp-sample01',7,8,9);
CREATE TABLE case_sightings (
	sighting_pk INTEGER NOT NULL, 
	case_pk INTEGER NOT NULL, 
	added_at BIGINT NOT NULL, 
	rung SMALLINT NOT NULL, 
	confirmed VARCHAR(12) NOT NULL, 
	PRIMARY KEY (sighting_pk), 
	FOREIGN KEY(sighting_pk) REFERENCES sightings (pk), 
	FOREIGN KEY(case_pk) REFERENCES cases (pk)
);
INSERT INTO "case_sightings" VALUES(1,1,3,3,'none');
CREATE TABLE cases (
	pk INTEGER NOT NULL, 
	id VARCHAR(24) NOT NULL, 
	removal_pk INTEGER NOT NULL, 
	repository_pk INTEGER NOT NULL, 
	hub TEXT NOT NULL, 
	account TEXT NOT NULL, 
	opened_at BIGINT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	verdict VARCHAR(16), 
	rung SMALLINT NOT NULL, 
	reach BIGINT NOT NULL, 
	live BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	claimed_by INTEGER, 
	claimed_until BIGINT, strength SMALLINT DEFAULT '0' NOT NULL, sha256 BLOB, 
	PRIMARY KEY (pk), 
	UNIQUE (id), 
	FOREIGN KEY(removal_pk) REFERENCES removals (pk), 
	FOREIGN KEY(repository_pk) REFERENCES repositories (pk), 
	FOREIGN KEY(claimed_by) REFERENCES users (pk)
);
INSERT INTO "cases" VALUES(1,'sample id',1,1,'sample hub','sample account',3,3,'decided','confirm',3,3,3,3,1,3,3,X'1111111111111111111111111111111111111111111111111111111111111111');
CREATE TABLE changes (
	pk INTEGER NOT NULL, 
	first BIGINT NOT NULL, 
	last BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (pk)
);
INSERT INTO "changes" VALUES(1,3,3,3);
CREATE TABLE claim_moves (
	pk INTEGER NOT NULL, 
	claim_pk BIGINT NOT NULL, 
	from_pk BIGINT NOT NULL, 
	to_pk BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (pk)
);
INSERT INTO "claim_moves" VALUES(1,1,1,2,1795946997462592);
INSERT INTO "claim_moves" VALUES(2,1,2,1,1795946997462592);
CREATE TABLE claims (
	pk INTEGER NOT NULL, 
	removal_pk INTEGER NOT NULL, 
	size BIGINT, 
	container VARCHAR(16), 
	data_size BIGINT, 
	layout BLOB, 
	list_pk BIGINT DEFAULT '0' NOT NULL, 
	source SMALLINT DEFAULT '0' NOT NULL, 
	site TEXT, 
	removed_on INTEGER, 
	class SMALLINT, 
	added_at BIGINT DEFAULT '0' NOT NULL, 
	withdrawn_at BIGINT, 
	in_force SMALLINT DEFAULT '1' NOT NULL, 
	contradicted SMALLINT DEFAULT '0' NOT NULL, 
	sealed BLOB, 
	class_settled SMALLINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (pk)
);
INSERT INTO "claims" VALUES(1,1,1234,NULL,NULL,NULL,1,0,'models.example',20000,NULL,1700000000000000,NULL,1,0,X'01010101010101010101010101010101010101010101010101010101010101010101010101010101',0);
INSERT INTO "claims" VALUES(2,2,NULL,NULL,NULL,NULL,1,0,NULL,NULL,NULL,1700000000000001,1700000500000000,0,0,NULL,0);
INSERT INTO "claims" VALUES(3,1,1234,'safetensors',1000,X'0303030303030303030303030303030303030303030303030303030303030303',0,1,NULL,NULL,NULL,1700000000000000,NULL,1,0,NULL,0);
CREATE TABLE comments (
	pk INTEGER NOT NULL, 
	case_pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	user_pk INTEGER NOT NULL, 
	sealed BLOB NOT NULL, 
	PRIMARY KEY (pk), 
	FOREIGN KEY(case_pk) REFERENCES cases (pk), 
	FOREIGN KEY(user_pk) REFERENCES users (pk)
);
INSERT INTO "comments" VALUES(1,1,3,1,X'0505050505050505050505050505050505050505050505050505050505050505');
CREATE TABLE decided (
	decision_pk INTEGER NOT NULL, 
	sighting_pk INTEGER NOT NULL, 
	rung SMALLINT NOT NULL, 
	confirmed VARCHAR(12) NOT NULL, 
	sha256 BLOB, 
	PRIMARY KEY (decision_pk, sighting_pk), 
	FOREIGN KEY(decision_pk) REFERENCES decisions (pk), 
	FOREIGN KEY(sighting_pk) REFERENCES sightings (pk)
)
 WITHOUT ROWID

;
INSERT INTO "decided" VALUES(1,1,3,'none',X'0505050505050505050505050505050505050505050505050505050505050505');
CREATE TABLE decisions (
	pk INTEGER NOT NULL, 
	id VARCHAR(24) NOT NULL, 
	case_pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	user_pk INTEGER, 
	verdict VARCHAR(16) NOT NULL, 
	sealed BLOB, 
	undoes INTEGER, 
	because INTEGER, 
	batch VARCHAR(24), 
	version BIGINT NOT NULL, 
	PRIMARY KEY (pk), 
	UNIQUE (id), 
	FOREIGN KEY(case_pk) REFERENCES cases (pk), 
	FOREIGN KEY(user_pk) REFERENCES users (pk), 
	FOREIGN KEY(undoes) REFERENCES decisions (pk), 
	FOREIGN KEY(because) REFERENCES decisions (pk)
);
INSERT INTO "decisions" VALUES(1,'sample id',1,3,1,'confirm',X'0505050505050505050505050505050505050505050505050505050505050505',NULL,NULL,'sample batch',3);
CREATE TABLE digests (
	kind SMALLINT NOT NULL, 
	value BLOB NOT NULL, 
	claim_pk INTEGER NOT NULL, 
	PRIMARY KEY (kind, value, claim_pk)
)
 WITHOUT ROWID

;
INSERT INTO "digests" VALUES(1,X'1111111111111111111111111111111111111111111111111111111111111111',1);
INSERT INTO "digests" VALUES(1,X'1313131313131313131313131313131313131313131313131313131313131313',2);
INSERT INTO "digests" VALUES(1,X'1111111111111111111111111111111111111111111111111111111111111111',3);
INSERT INTO "digests" VALUES(2,X'1212121212121212121212121212121212121212121212121212121212121212',3);
CREATE TABLE dismissals (
	removal_pk INTEGER NOT NULL, 
	sha256 BLOB NOT NULL, 
	decision_pk INTEGER NOT NULL, 
	PRIMARY KEY (removal_pk, sha256), 
	FOREIGN KEY(removal_pk) REFERENCES removals (pk), 
	FOREIGN KEY(decision_pk) REFERENCES decisions (pk)
);
INSERT INTO "dismissals" VALUES(1,X'0505050505050505050505050505050505050505050505050505050505050505',1);
CREATE TABLE embedded_digests (
	kind SMALLINT NOT NULL, 
	value BLOB NOT NULL, 
	artifact_pk INTEGER NOT NULL, 
	PRIMARY KEY (kind, value, artifact_pk), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
)
 WITHOUT ROWID

;
INSERT INTO "embedded_digests" VALUES(10,X'060606060606',1);
CREATE TABLE evidence (
	sighting_pk INTEGER NOT NULL, 
	rung SMALLINT NOT NULL, 
	kind VARCHAR(24) NOT NULL, 
	value TEXT NOT NULL, 
	why TEXT NOT NULL, 
	figures TEXT, 
	at BIGINT NOT NULL, 
	stands SMALLINT DEFAULT '1' NOT NULL, 
	PRIMARY KEY (sighting_pk, rung, kind), 
	FOREIGN KEY(sighting_pk) REFERENCES sightings (pk)
)
 WITHOUT ROWID

;
INSERT INTO "evidence" VALUES(1,70,'sha256','1111111111111111111111111111111111111111111111111111111111111111','The bytes are the same.',NULL,13,1);
CREATE TABLE fact_events (
	pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	what VARCHAR(24) NOT NULL, 
	list_pk BIGINT, 
	removal_pk BIGINT, 
	claim_pk BIGINT, 
	user_pk BIGINT, 
	sealed BLOB, 
	PRIMARY KEY (pk)
);
INSERT INTO "fact_events" VALUES(1,24,'class-settled',NULL,1,1,1,NULL);
CREATE TABLE factor_roles (
	role VARCHAR(16) NOT NULL, 
	PRIMARY KEY (role)
);
INSERT INTO "factor_roles" VALUES('sample role');
CREATE TABLE frontier (
	pk INTEGER NOT NULL, 
	scan_pk INTEGER NOT NULL, 
	repository_pk INTEGER NOT NULL, 
	task SMALLINT NOT NULL, 
	subject TEXT NOT NULL, 
	priority SMALLINT NOT NULL, 
	state SMALLINT NOT NULL, 
	attempts SMALLINT NOT NULL, 
	leased_until BIGINT, 
	leased_by TEXT, 
	signs SMALLINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (pk), 
	FOREIGN KEY(scan_pk) REFERENCES scans (pk), 
	FOREIGN KEY(repository_pk) REFERENCES repositories (pk)
);
INSERT INTO "frontier" VALUES(1,1,1,0,'',5,2,1,17,'somebody',0);
CREATE TABLE hints (
	removal_pk INTEGER NOT NULL, 
	artifact_pk INTEGER NOT NULL, 
	kind VARCHAR(24) NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (removal_pk, artifact_pk, kind), 
	FOREIGN KEY(removal_pk) REFERENCES removals (pk), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
)
 WITHOUT ROWID

;
INSERT INTO "hints" VALUES(2,1,'filename',14);
CREATE TABLE innocent_digests (
	innocent_pk INTEGER NOT NULL, 
	kind SMALLINT NOT NULL, 
	value BLOB NOT NULL, 
	PRIMARY KEY (innocent_pk, kind)
)
 WITHOUT ROWID

;
INSERT INTO "innocent_digests" VALUES(1,1,X'0707070707070707070707070707070707070707070707070707070707070707');
CREATE TABLE innocent_events (
	pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	what VARCHAR(12) NOT NULL, 
	innocent_pk BIGINT NOT NULL, 
	user_pk BIGINT NOT NULL, 
	sealed BLOB, 
	PRIMARY KEY (pk)
);
INSERT INTO "innocent_events" VALUES(1,8,'proposed',1,1,X'09090909090909090909090909090909');
CREATE TABLE innocent_near (
	innocent_pk INTEGER NOT NULL, 
	removal_pk INTEGER NOT NULL, 
	rung SMALLINT NOT NULL, 
	PRIMARY KEY (innocent_pk, removal_pk), 
	FOREIGN KEY(innocent_pk) REFERENCES innocents (pk), 
	FOREIGN KEY(removal_pk) REFERENCES removals (pk)
)
 WITHOUT ROWID

;
INSERT INTO "innocent_near" VALUES(1,1,50);
CREATE TABLE innocent_sketches (
	innocent_pk INTEGER NOT NULL, 
	number SMALLINT NOT NULL, 
	architecture TEXT NOT NULL, 
	value BLOB NOT NULL, 
	PRIMARY KEY (innocent_pk, number)
)
 WITHOUT ROWID

;
INSERT INTO "innocent_sketches" VALUES(1,1,'sample',X'00000000000000000000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE innocents (
	pk INTEGER NOT NULL, 
	id VARCHAR(16) NOT NULL, 
	name TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (pk), 
	UNIQUE (id)
);
INSERT INTO "innocents" VALUES(1,'in-sample01','Sample accelerator',8);
CREATE TABLE invitations (
	token BLOB NOT NULL, 
	user_pk INTEGER, 
	made_at BIGINT NOT NULL, 
	ends_at BIGINT NOT NULL, 
	PRIMARY KEY (token), 
	FOREIGN KEY(user_pk) REFERENCES users (pk)
);
INSERT INTO "invitations" VALUES(X'0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B0B',1,9,10);
CREATE TABLE jobs (
	pk INTEGER NOT NULL, 
	id VARCHAR(24) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	what TEXT NOT NULL, 
	"key" TEXT, 
	state VARCHAR(12) NOT NULL, 
	asked_at BIGINT NOT NULL, 
	asked_by INTEGER, 
	started_at BIGINT, 
	ended_at BIGINT, 
	leased_until BIGINT, 
	leased_by TEXT, 
	scan_pk BIGINT, 
	progress TEXT, 
	problem TEXT, 
	lives SMALLINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (pk), 
	UNIQUE (id), 
	FOREIGN KEY(asked_by) REFERENCES users (pk)
);
INSERT INTO "jobs" VALUES(1,'sample id','scan','{}','sample key','done',3,1,3,3,3,'sample leased_by',3,'{}','sample problem',0);
CREATE TABLE learned_from (
	learned_pk INTEGER NOT NULL, 
	claim_pk INTEGER NOT NULL, 
	PRIMARY KEY (learned_pk, claim_pk)
)
 WITHOUT ROWID

;
INSERT INTO "learned_from" VALUES(3,1);
CREATE TABLE listings (
	scan_pk INTEGER NOT NULL, 
	part SMALLINT NOT NULL, 
	cursor TEXT, 
	done SMALLINT NOT NULL, 
	listed BIGINT NOT NULL, 
	subject TEXT, 
	leased_until BIGINT, 
	leased_by TEXT, 
	PRIMARY KEY (scan_pk, part), 
	FOREIGN KEY(scan_pk) REFERENCES scans (pk)
)
 WITHOUT ROWID

;
INSERT INTO "listings" VALUES(1,0,'next',1,1,NULL,NULL,NULL);
CREATE TABLE lists (
	pk INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	entitled SMALLINT NOT NULL, 
	withdrawn_at BIGINT, 
	class SMALLINT, 
	PRIMARY KEY (pk), 
	UNIQUE (name)
);
INSERT INTO "lists" VALUES(1,'sample',1700000000000000,0,NULL,NULL);
CREATE TABLE looks (
	user_pk INTEGER NOT NULL, 
	case_pk INTEGER NOT NULL, 
	version BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (user_pk, case_pk), 
	FOREIGN KEY(user_pk) REFERENCES users (pk), 
	FOREIGN KEY(case_pk) REFERENCES cases (pk)
)
 WITHOUT ROWID

;
INSERT INTO "looks" VALUES(1,1,3,3);
CREATE TABLE meta (
	name VARCHAR(64) NOT NULL, 
	value BLOB NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('secret',X'1515151515151515151515151515151515151515151515151515151515151515');
INSERT INTO "meta" VALUES('key_check',X'14141414141414141414141414141414');
CREATE TABLE near (
	artifact_pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (artifact_pk), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
);
INSERT INTO "near" VALUES(1,10);
CREATE TABLE notice_items (
	notice_pk INTEGER NOT NULL, 
	sighting_pk INTEGER NOT NULL, 
	case_pk INTEGER NOT NULL, 
	added_at BIGINT NOT NULL, 
	PRIMARY KEY (notice_pk, sighting_pk), 
	FOREIGN KEY(notice_pk) REFERENCES notices (pk), 
	FOREIGN KEY(sighting_pk) REFERENCES sightings (pk), 
	FOREIGN KEY(case_pk) REFERENCES cases (pk)
);
INSERT INTO "notice_items" VALUES(1,1,1,3);
CREATE TABLE notice_letters (
	pk INTEGER NOT NULL, 
	notice_pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	user_pk INTEGER, 
	version BIGINT NOT NULL, 
	what VARCHAR(12) NOT NULL, 
	how VARCHAR(8) NOT NULL, 
	form VARCHAR(8) NOT NULL, 
	sealed BLOB NOT NULL, 
	PRIMARY KEY (pk), 
	FOREIGN KEY(notice_pk) REFERENCES notices (pk), 
	FOREIGN KEY(user_pk) REFERENCES users (pk)
);
INSERT INTO "notice_letters" VALUES(1,1,9,1,0,'notice','mail','text',X'0202020202020202020202020202020202020202020202020202020202020202');
CREATE TABLE notice_steps (
	pk INTEGER NOT NULL, 
	notice_pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	user_pk INTEGER, 
	state VARCHAR(16) NOT NULL, 
	how VARCHAR(16), 
	sealed BLOB, 
	PRIMARY KEY (pk), 
	FOREIGN KEY(notice_pk) REFERENCES notices (pk), 
	FOREIGN KEY(user_pk) REFERENCES users (pk)
);
INSERT INTO "notice_steps" VALUES(1,1,3,1,'drafted','sample how',X'0505050505050505050505050505050505050505050505050505050505050505');
CREATE TABLE notices (
	pk INTEGER NOT NULL, 
	id VARCHAR(24) NOT NULL, 
	hub TEXT NOT NULL, 
	account TEXT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	created_at BIGINT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	due_at BIGINT, 
	version BIGINT NOT NULL, 
	PRIMARY KEY (pk), 
	UNIQUE (id)
);
INSERT INTO "notices" VALUES(1,'sample id','sample hub','sample account','drafted',3,3,3,3);
CREATE TABLE policies (
	list TEXT NOT NULL, 
	rung SMALLINT NOT NULL, 
	advice VARCHAR(8) NOT NULL, 
	PRIMARY KEY (list, rung)
);
INSERT INTO "policies" VALUES('sample list',3,'sample a');
CREATE TABLE problems (
	pk INTEGER NOT NULL, 
	scan_pk INTEGER NOT NULL, 
	repository_pk BIGINT, 
	place TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	remedy TEXT, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (pk), 
	FOREIGN KEY(scan_pk) REFERENCES scans (pk)
);
INSERT INTO "problems" VALUES(1,1,1,'sample place','the file is empty',NULL,19);
CREATE TABLE quota_slices (
	quota_pk INTEGER NOT NULL, 
	leased_by TEXT NOT NULL, 
	leased_until BIGINT NOT NULL, 
	held INTEGER NOT NULL, 
	PRIMARY KEY (quota_pk, leased_by), 
	FOREIGN KEY(quota_pk) REFERENCES quotas (pk)
)
 WITHOUT ROWID

;
INSERT INTO "quota_slices" VALUES(1,'sample walker',9,7);
CREATE TABLE quotas (
	pk INTEGER NOT NULL, 
	hub TEXT NOT NULL, 
	principal BLOB NOT NULL, 
	bucket TEXT NOT NULL, 
	"left" INTEGER NOT NULL, 
	earliest BIGINT NOT NULL, 
	latest BIGINT NOT NULL, 
	paused_until BIGINT NOT NULL, 
	leased_by TEXT, 
	leased_until BIGINT, 
	PRIMARY KEY (pk)
);
INSERT INTO "quotas" VALUES(1,'sample hub',X'0505050505050505050505050505050505050505050505050505050505050505','sample bucket',7,8,9,0,'sample walker',9);
CREATE TABLE read_digests (
	kind SMALLINT NOT NULL, 
	value BLOB NOT NULL, 
	artifact_pk INTEGER NOT NULL, 
	PRIMARY KEY (kind, value, artifact_pk), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
)
 WITHOUT ROWID

;
INSERT INTO "read_digests" VALUES(1,X'1111111111111111111111111111111111111111111111111111111111111111',1);
CREATE TABLE read_entries (
	artifact_pk INTEGER NOT NULL, 
	version SMALLINT NOT NULL, 
	"group" VARCHAR(24) NOT NULL, 
	slots BLOB NOT NULL, 
	code BLOB, 
	PRIMARY KEY (artifact_pk, version, "group"), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
);
INSERT INTO "read_entries" VALUES(1,1,'',X'05050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505',NULL);
CREATE TABLE read_sketches (
	artifact_pk INTEGER NOT NULL, 
	version SMALLINT NOT NULL, 
	architecture TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	complete SMALLINT NOT NULL, 
	value BLOB NOT NULL, 
	PRIMARY KEY (artifact_pk, version), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
);
INSERT INTO "read_sketches" VALUES(1,1,'sample','adapter',1,X'04040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404');
CREATE TABLE readings (
	artifact_pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	container VARCHAR(16), 
	data_size BIGINT, 
	layout BLOB, 
	"full" SMALLINT NOT NULL, 
	problem TEXT, 
	architecture TEXT, judged_by VARCHAR(32), 
	PRIMARY KEY (artifact_pk), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
);
INSERT INTO "readings" VALUES(1,9,'safetensors',1000,X'0303030303030303030303030303030303030303030303030303030303030303',1,NULL,'sample','bytes tensors');
CREATE TABLE recovery_codes (
	hash BLOB NOT NULL, 
	user_pk INTEGER NOT NULL, 
	made_at BIGINT NOT NULL, 
	PRIMARY KEY (hash), 
	FOREIGN KEY(user_pk) REFERENCES users (pk)
);
INSERT INTO "recovery_codes" VALUES(X'0C0C',1,7);
CREATE TABLE removals (
	pk INTEGER NOT NULL, 
	id VARCHAR(16) NOT NULL, 
	added_at BIGINT NOT NULL, 
	withdrawn_at BIGINT, 
	class SMALLINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (pk), 
	UNIQUE (id)
);
INSERT INTO "removals" VALUES(1,'rm-sample01',1700000000000000,NULL,0);
INSERT INTO "removals" VALUES(2,'rm-sample02',1700000000000001,1700000500000000,0);
CREATE TABLE repositories (
	pk INTEGER NOT NULL, 
	hub TEXT NOT NULL, 
	type VARCHAR(8) NOT NULL, 
	repo TEXT NOT NULL, 
	sha BLOB, 
	created_at BIGINT, 
	modified_at BIGINT, 
	downloads BIGINT, 
	likes BIGINT, 
	flags SMALLINT NOT NULL, 
	used_storage BIGINT, 
	last_listed BIGINT, 
	own_id TEXT, seen_as BLOB, 
	PRIMARY KEY (pk)
);
INSERT INTO "repositories" VALUES(1,'hub.example','model','sample-account/lora',X'0808080808080808080808080808080808080808',1,2,3,4,1,5,6,NULL,X'16161616161616161616161616161616');
CREATE TABLE saved_filters (
	pk INTEGER NOT NULL, 
	id VARCHAR(24) NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	user_pk INTEGER NOT NULL, 
	shared SMALLINT NOT NULL, 
	filter TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (pk), 
	UNIQUE (id), 
	FOREIGN KEY(user_pk) REFERENCES users (pk)
);
INSERT INTO "saved_filters" VALUES(1,'sf-sample01','sample filter',1,1,'{"state": "open"}',8);
CREATE TABLE scans (
	pk INTEGER NOT NULL, 
	hub TEXT NOT NULL, 
	target TEXT NOT NULL, 
	options TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	coverage TEXT, 
	PRIMARY KEY (pk)
);
INSERT INTO "scans" VALUES(1,'hub.example','sample target','{}',15,16,'{}');
CREATE TABLE sealed_index (
	token BLOB NOT NULL, 
	claim_pk INTEGER NOT NULL, 
	field SMALLINT NOT NULL, 
	PRIMARY KEY (token, claim_pk)
)
 WITHOUT ROWID

;
INSERT INTO "sealed_index" VALUES(X'07070707070707070707070707070707',1,1);
CREATE TABLE second_factors (
	pk INTEGER NOT NULL, 
	user_pk INTEGER NOT NULL, 
	kind VARCHAR(12) NOT NULL, 
	sealed BLOB, 
	credential BLOB, 
	public_key BLOB, 
	counter BIGINT NOT NULL, 
	added_at BIGINT NOT NULL, 
	used_at BIGINT, 
	PRIMARY KEY (pk), 
	FOREIGN KEY(user_pk) REFERENCES users (pk), 
	UNIQUE (credential)
);
INSERT INTO "second_factors" VALUES(1,1,'sample kind',X'0606',X'0707',X'0808',3,7,8);
CREATE TABLE sessions (
	token BLOB NOT NULL, 
	user_pk INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	ends_at BIGINT NOT NULL, browser VARCHAR(40), how VARCHAR(12), confirmed_at BIGINT, 
	PRIMARY KEY (token), 
	FOREIGN KEY(user_pk) REFERENCES users (pk)
);
INSERT INTO "sessions" VALUES(X'0505050505050505050505050505050505050505050505050505050505050505',1,3,3,3,NULL,NULL,NULL);
CREATE TABLE sightings (
	pk INTEGER NOT NULL, 
	id VARCHAR(24) NOT NULL, 
	removal_pk INTEGER NOT NULL, 
	artifact_pk INTEGER NOT NULL, 
	rung SMALLINT NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	confirmed VARCHAR(12) NOT NULL, 
	missed SMALLINT NOT NULL, 
	first_seen BIGINT NOT NULL, 
	last_seen BIGINT NOT NULL, 
	scan_pk BIGINT, 
	touched SMALLINT DEFAULT '1' NOT NULL, 
	hidden_at BIGINT, 
	PRIMARY KEY (pk), 
	UNIQUE (id), 
	FOREIGN KEY(removal_pk) REFERENCES removals (pk), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
);
INSERT INTO "sightings" VALUES(1,'sg-sample000001',1,1,70,'live','bytes',0,11,12,1,1,NULL);
CREATE TABLE sign_in_steps (
	token BLOB NOT NULL, 
	kind VARCHAR(12) NOT NULL, 
	bound BLOB NOT NULL, 
	user_pk INTEGER, 
	what TEXT NOT NULL, 
	sealed BLOB, 
	ends_at BIGINT NOT NULL, 
	PRIMARY KEY (token), 
	FOREIGN KEY(user_pk) REFERENCES users (pk)
);
INSERT INTO "sign_in_steps" VALUES(X'0D0D','sample kind',X'0E0E',1,'{}',X'0606',9);
CREATE TABLE sign_in_tries (
	"key" BLOB NOT NULL, 
	began BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	ends_at BIGINT NOT NULL, 
	PRIMARY KEY ("key", began)
);
INSERT INTO "sign_in_tries" VALUES(X'0F0F',7,2,9);
CREATE TABLE sketch_entries (
	claim_pk INTEGER NOT NULL, 
	version SMALLINT NOT NULL, 
	"group" VARCHAR(24) NOT NULL, 
	slots BLOB NOT NULL, 
	code BLOB NOT NULL, 
	PRIMARY KEY (claim_pk, version, "group"), 
	FOREIGN KEY(claim_pk) REFERENCES claims (pk)
);
INSERT INTO "sketch_entries" VALUES(3,1,'',X'05050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505050505',X'06060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606060606');
CREATE TABLE sketches (
	claim_pk INTEGER NOT NULL, 
	version SMALLINT NOT NULL, 
	architecture TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	value BLOB NOT NULL, 
	PRIMARY KEY (claim_pk, version), 
	FOREIGN KEY(claim_pk) REFERENCES claims (pk)
);
INSERT INTO "sketches" VALUES(3,1,'sample','adapter',X'04040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404040404');
CREATE TABLE stated_digests (
	kind SMALLINT NOT NULL, 
	value BLOB NOT NULL, 
	artifact_pk INTEGER NOT NULL, 
	PRIMARY KEY (kind, value, artifact_pk), 
	FOREIGN KEY(artifact_pk) REFERENCES artifacts (pk)
)
 WITHOUT ROWID

;
INSERT INTO "stated_digests" VALUES(11,X'05050505050505050505050505050505',1);
CREATE TABLE users (
	pk INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	password TEXT, 
	issuer TEXT, 
	subject TEXT, 
	created_at BIGINT NOT NULL, 
	disabled_at BIGINT, 
	PRIMARY KEY (pk), 
	UNIQUE (name)
);
INSERT INTO "users" VALUES(1,'sample name','reviewer','sample password','sample issuer','sample subject',3,3);
CREATE TABLE walks (
	repository_pk INTEGER NOT NULL, 
	"commit" BLOB NOT NULL, 
	at BIGINT NOT NULL, 
	refs SMALLINT NOT NULL, 
	confirm SMALLINT DEFAULT '0' NOT NULL, 
	follow SMALLINT DEFAULT '0' NOT NULL, 
	edited SMALLINT DEFAULT '0' NOT NULL, 
	version BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (repository_pk, "commit"), 
	FOREIGN KEY(repository_pk) REFERENCES repositories (pk)
)
 WITHOUT ROWID

;
INSERT INTO "walks" VALUES(1,X'0808080808080808080808080808080808080808',7,1,0,0,0,0);
CREATE TABLE watermarks (
	hub TEXT NOT NULL, 
	target TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (hub, target)
)
 WITHOUT ROWID

;
INSERT INTO "watermarks" VALUES('hub.example','sample target',18);
CREATE TABLE withdrawals (
	pk INTEGER NOT NULL, 
	removal_pk INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	restored SMALLINT NOT NULL, 
	sealed BLOB, 
	PRIMARY KEY (pk), 
	FOREIGN KEY(removal_pk) REFERENCES removals (pk)
);
INSERT INTO "withdrawals" VALUES(1,2,1700000500000000,0,X'020202020202020202020202020202020202020202020202020202020202');
CREATE INDEX ix_claims_removal_pk ON claims (removal_pk);
CREATE INDEX ix_learned_from_claim_pk ON learned_from (claim_pk);
CREATE INDEX ix_fact_events_removal_pk ON fact_events (removal_pk);
CREATE INDEX ix_fact_events_list_pk ON fact_events (list_pk);
CREATE INDEX ix_digests_claim_pk ON digests (claim_pk);
CREATE INDEX ix_repositories_own_id ON repositories (own_id);
CREATE UNIQUE INDEX ux_repositories ON repositories (hub, type, repo);
CREATE INDEX ix_scans_target ON scans (hub, target);
CREATE INDEX ix_audit_subject ON audit (subject, pk);
CREATE UNIQUE INDEX ux_users_issuer ON users (issuer, subject);
CREATE INDEX ix_notices_account ON notices (hub, account);
CREATE INDEX ix_notices_state ON notices (state, due_at);
CREATE INDEX ix_withdrawals_removal_pk ON withdrawals (removal_pk);
CREATE INDEX ix_artifacts_git_oid ON artifacts (git_oid);
CREATE INDEX ix_artifacts_size ON artifacts (size);
CREATE UNIQUE INDEX ux_artifacts ON artifacts (repository_pk, path, git_oid);
CREATE INDEX ix_artifacts_sha256 ON artifacts (sha256);
CREATE UNIQUE INDEX ux_frontier ON frontier (scan_pk, repository_pk, task, subject);
CREATE INDEX ix_frontier_queue ON frontier (scan_pk, state, priority, pk);
CREATE INDEX ix_problems_scan_pk ON problems (scan_pk);
CREATE INDEX ix_sessions_user_pk ON sessions (user_pk);
CREATE UNIQUE INDEX ux_cases ON cases (removal_pk, repository_pk);
CREATE INDEX ix_cases_repository_pk ON cases (repository_pk);
CREATE INDEX ix_notice_steps_notice_pk ON notice_steps (notice_pk);
CREATE INDEX ix_jobs_key ON jobs ("key", state);
CREATE INDEX ix_jobs_state ON jobs (state, pk);
CREATE INDEX ix_read_digests_artifact ON read_digests (artifact_pk);
CREATE UNIQUE INDEX ux_sightings ON sightings (removal_pk, artifact_pk);
CREATE INDEX ix_sightings_artifact_pk ON sightings (artifact_pk);
CREATE INDEX ix_sightings_touched ON sightings (touched, pk);
CREATE INDEX ix_sightings_removal_pk ON sightings (removal_pk);
CREATE INDEX ix_decisions_batch ON decisions (batch);
CREATE UNIQUE INDEX ux_decisions_undoes ON decisions (undoes);
CREATE INDEX ix_decisions_because ON decisions (because);
CREATE INDEX ix_decisions_case_pk ON decisions (case_pk);
CREATE INDEX ix_comments_case_pk ON comments (case_pk);
CREATE INDEX ix_case_sightings_case_pk ON case_sightings (case_pk);
CREATE INDEX ix_decided_sha256 ON decided (sha256);
CREATE INDEX ix_notice_items_sighting ON notice_items (sighting_pk);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit FOR EACH ROW WHEN EXISTS (SELECT 1 FROM audit WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER changes_no_update BEFORE UPDATE ON changes FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER changes_no_delete BEFORE DELETE ON changes FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER changes_no_replace BEFORE INSERT ON changes FOR EACH ROW WHEN EXISTS (SELECT 1 FROM changes WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER fact_events_no_update BEFORE UPDATE ON fact_events FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER fact_events_no_delete BEFORE DELETE ON fact_events FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER fact_events_no_replace BEFORE INSERT ON fact_events FOR EACH ROW WHEN EXISTS (SELECT 1 FROM fact_events WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER notice_steps_no_update BEFORE UPDATE ON notice_steps FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER notice_steps_no_delete BEFORE DELETE ON notice_steps FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER notice_steps_no_replace BEFORE INSERT ON notice_steps FOR EACH ROW WHEN EXISTS (SELECT 1 FROM notice_steps WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER withdrawals_no_update BEFORE UPDATE ON withdrawals FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER withdrawals_no_delete BEFORE DELETE ON withdrawals FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER withdrawals_no_replace BEFORE INSERT ON withdrawals FOR EACH ROW WHEN EXISTS (SELECT 1 FROM withdrawals WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER comments_no_update BEFORE UPDATE ON comments FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER comments_no_delete BEFORE DELETE ON comments FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER comments_no_replace BEFORE INSERT ON comments FOR EACH ROW WHEN EXISTS (SELECT 1 FROM comments WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER decisions_no_update BEFORE UPDATE ON decisions FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER decisions_no_replace BEFORE INSERT ON decisions FOR EACH ROW WHEN EXISTS (SELECT 1 FROM decisions WHERE pk = NEW.pk OR id = NEW.id OR undoes = NEW.undoes) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER decided_no_update BEFORE UPDATE ON decided FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER decided_no_delete BEFORE DELETE ON decided FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER decided_no_replace BEFORE INSERT ON decided FOR EACH ROW WHEN EXISTS (SELECT 1 FROM decided WHERE decision_pk = NEW.decision_pk AND sighting_pk = NEW.sighting_pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE INDEX ix_blind_spots_scan_pk ON blind_spots (scan_pk);
CREATE INDEX ix_claim_moves_claim_pk ON claim_moves (claim_pk);
CREATE INDEX ix_claim_moves_from_pk ON claim_moves (from_pk);
CREATE TRIGGER claim_moves_no_update BEFORE UPDATE ON claim_moves FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER claim_moves_no_delete BEFORE DELETE ON claim_moves FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER claim_moves_no_replace BEFORE INSERT ON claim_moves FOR EACH ROW WHEN EXISTS (SELECT 1 FROM claim_moves WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE INDEX ix_innocent_events_innocent_pk ON innocent_events (innocent_pk);
CREATE TRIGGER innocents_no_update BEFORE UPDATE ON innocents FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocents_no_delete BEFORE DELETE ON innocents FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocents_no_replace BEFORE INSERT ON innocents FOR EACH ROW WHEN EXISTS (SELECT 1 FROM innocents WHERE pk = NEW.pk OR id = NEW.id) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocent_digests_no_update BEFORE UPDATE ON innocent_digests FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocent_digests_no_delete BEFORE DELETE ON innocent_digests FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocent_digests_no_replace BEFORE INSERT ON innocent_digests FOR EACH ROW WHEN EXISTS (SELECT 1 FROM innocent_digests WHERE innocent_pk = NEW.innocent_pk AND kind = NEW.kind) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocent_sketches_no_update BEFORE UPDATE ON innocent_sketches FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocent_sketches_no_delete BEFORE DELETE ON innocent_sketches FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocent_sketches_no_replace BEFORE INSERT ON innocent_sketches FOR EACH ROW WHEN EXISTS (SELECT 1 FROM innocent_sketches WHERE innocent_pk = NEW.innocent_pk AND number = NEW.number) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocent_events_no_update BEFORE UPDATE ON innocent_events FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocent_events_no_delete BEFORE DELETE ON innocent_events FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER innocent_events_no_replace BEFORE INSERT ON innocent_events FOR EACH ROW WHEN EXISTS (SELECT 1 FROM innocent_events WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE UNIQUE INDEX ux_invitations_user_pk ON invitations (user_pk);
CREATE INDEX ix_audit_actor ON audit (actor, at);
CREATE INDEX ix_audit_action ON audit (action, pk);
CREATE INDEX ix_claims_list ON claims (list_pk, removal_pk, source, in_force);
CREATE INDEX ix_decisions_at ON decisions (at);
CREATE INDEX ix_cases_opened ON cases (opened_at, rung, state, verdict);
CREATE INDEX ix_cases_claimed ON cases (claimed_until) WHERE claimed_by IS NOT NULL;
CREATE INDEX ix_notice_letters_notice_pk ON notice_letters (notice_pk);
CREATE TRIGGER notice_letters_no_update BEFORE UPDATE ON notice_letters FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER notice_letters_no_delete BEFORE DELETE ON notice_letters FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER notice_letters_no_replace BEFORE INSERT ON notice_letters FOR EACH ROW WHEN EXISTS (SELECT 1 FROM notice_letters WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE INDEX ix_second_factors_user_pk ON second_factors (user_pk);
CREATE INDEX ix_recovery_codes_user_pk ON recovery_codes (user_pk);
CREATE INDEX ix_sign_in_steps_ends_at ON sign_in_steps (ends_at);
CREATE INDEX ix_sign_in_tries_ends_at ON sign_in_tries (ends_at);
CREATE INDEX ix_campaign_accounts_account ON campaign_accounts (hub, account);
CREATE INDEX ix_campaign_events_campaign_pk ON campaign_events (campaign_pk);
CREATE TRIGGER campaign_events_no_update BEFORE UPDATE ON campaign_events FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER campaign_events_no_delete BEFORE DELETE ON campaign_events FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER campaign_events_no_replace BEFORE INSERT ON campaign_events FOR EACH ROW WHEN EXISTS (SELECT 1 FROM campaign_events WHERE pk = NEW.pk) BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE INDEX ix_cases_queue ON cases (state, strength DESC, reach DESC, opened_at, pk, live, removal_pk, rung);
CREATE INDEX ix_cases_strength ON cases (strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_account ON cases (hub, account, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_uploader ON cases (account, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_removal ON cases (removal_pk, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_verdict ON cases (verdict, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_live ON cases (live, state, strength DESC, reach DESC, opened_at, pk);
CREATE INDEX ix_cases_sha256 ON cases (sha256);
CREATE INDEX ix_assignments_user_pk ON assignments (user_pk);
CREATE UNIQUE INDEX ux_saved_filters ON saved_filters (user_pk, name);
CREATE UNIQUE INDEX ux_quotas ON quotas (hub, principal, bucket);
CREATE INDEX ix_embedded_digests_artifact ON embedded_digests (artifact_pk);
CREATE INDEX ix_stated_digests_artifact ON stated_digests (artifact_pk);
COMMIT;
