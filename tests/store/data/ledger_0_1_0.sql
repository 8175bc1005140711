BEGIN TRANSACTION;
CREATE TABLE alerts (
	rule TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	breach_since BIGINT NOT NULL, 
	id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	pending_since BIGINT, 
	raised_at BIGINT, 
	last_at BIGINT NOT NULL, 
	value FLOAT NOT NULL, 
	limit_value FLOAT NOT NULL, 
	priority TEXT NOT NULL, 
	occurrences INTEGER NOT NULL, 
	acked_by TEXT NOT NULL, 
	acked_at BIGINT, 
	PRIMARY KEY (rule, asset, subject, breach_since)
);
INSERT INTO "alerts" VALUES('hot','a','T24',1772361000000000000,'id1','active, unacknowledged',NULL,1772364600000000000,1772364600000000000,11.0,10.0,'high',1,'',NULL);
CREATE TABLE applied_batches (
	batch TEXT NOT NULL, 
	stored INTEGER NOT NULL, 
	duplicates INTEGER NOT NULL, 
	PRIMARY KEY (batch)
);
INSERT INTO "applied_batches" VALUES('b1',6,0);
INSERT INTO "applied_batches" VALUES('b2',1,0);
CREATE TABLE cursors (
	name TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "cursors" VALUES('d:a',5);
INSERT INTO "cursors" VALUES('rule:hot',7);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	asset TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	code TEXT NOT NULL, 
	start BIGINT NOT NULL, 
	"end" BIGINT, 
	known_at BIGINT NOT NULL, 
	note TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (asset, kind, code, start, version)
);
INSERT INTO "events" VALUES(1,'a','failure','F1',1772361000000000000,1772371800000000000,1772361000000000000,'한글 "note"
',1);
INSERT INTO "events" VALUES(2,'a','failure','F2',1772361000000000000,NULL,1772361000000000000,'',1);
INSERT INTO "events" VALUES(3,'a','failure','F1',1772361000000000000,1772375400000000000,1772361000000000000,'',2);
CREATE TABLE files (
	sha256 TEXT NOT NULL, 
	name TEXT NOT NULL, 
	loaded_at BIGINT NOT NULL, 
	is_done INTEGER NOT NULL, 
	rows_in BIGINT NOT NULL, 
	stored BIGINT NOT NULL, 
	rejected BIGINT NOT NULL, 
	duplicates BIGINT NOT NULL, 
	conflicts BIGINT NOT NULL, 
	PRIMARY KEY (sha256)
);
INSERT INTO "files" VALUES('abc','a.csv',1772361000000000000,1,10,6,1,2,1);
CREATE TABLE job_runs (
	name TEXT NOT NULL, 
	succeeded_at BIGINT, 
	failed_at BIGINT, 
	error TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "job_runs" VALUES('tick',1772364600000000000,NULL,'');
CREATE TABLE lots (
	id INTEGER NOT NULL, 
	line TEXT NOT NULL, 
	lot TEXT NOT NULL, 
	start BIGINT, 
	"end" BIGINT, 
	known_at BIGINT NOT NULL, 
	process_values TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (line, lot, version)
);
INSERT INTO "lots" VALUES(1,'l','L1',1772361000000000000,1772364600000000000,1772364600000000000,'{"feed": 1.5, "pH": 7.0}',1);
INSERT INTO "lots" VALUES(2,'l','L2',NULL,NULL,1772375400000000000,'{}',1);
CREATE TABLE meta (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('replayed_to','2');
CREATE TABLE models (
	model_id TEXT NOT NULL, 
	detector TEXT NOT NULL, 
	role TEXT NOT NULL, 
	trained_at BIGINT NOT NULL, 
	details TEXT NOT NULL, 
	PRIMARY KEY (model_id, detector)
);
INSERT INTO "models" VALUES('m1','d','champion',1772361000000000000,'{"rows": 3}');
CREATE TABLE outbox (
	"key" TEXT NOT NULL, 
	notifier TEXT NOT NULL, 
	alert_id TEXT NOT NULL, 
	payload TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	due_at BIGINT NOT NULL, 
	sent_at BIGINT, 
	given_up_at BIGINT, 
	error TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "outbox" VALUES('id1:0:log','log','id1','{"text": "hot"}',0,1772364600000000000,NULL,NULL,'');
CREATE TABLE results (
	id INTEGER NOT NULL, 
	line TEXT NOT NULL, 
	lot TEXT NOT NULL, 
	result TEXT NOT NULL, 
	lab TEXT NOT NULL, 
	value FLOAT, 
	text TEXT, 
	result_at BIGINT NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (line, lot, result, lab, version)
);
INSERT INTO "results" VALUES(1,'l','L1','silica','',1.0,NULL,1772368200000000000,1);
INSERT INTO "results" VALUES(2,'l','L1','silica','A',NULL,'below limit',1772368200000000000,1);
CREATE TABLE scores (
	detector TEXT NOT NULL, 
	asset TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	subject TEXT NOT NULL, 
	value FLOAT, 
	low FLOAT, 
	high FLOAT, 
	scale TEXT NOT NULL, 
	model_id TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	contributions TEXT NOT NULL, 
	PRIMARY KEY (detector, asset, at, subject)
);
INSERT INTO "scores" VALUES('d','a',1772361000000000000,'',0.5,0.25,0.75,'probability','m1','OK','','[{"source": "T24", "amount": 0.5, "value": 3.0}, {"source": "T30", "amount": -0.25, "value": null}]');
CREATE TABLE transitions (
	alert_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	change TEXT NOT NULL, 
	state TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	value FLOAT, 
	"by" TEXT NOT NULL, 
	note TEXT NOT NULL, 
	PRIMARY KEY (alert_id, sequence)
);
INSERT INTO "transitions" VALUES('id1',0,'raised','active, unacknowledged',1772364600000000000,11.0,'','note');
CREATE TABLE verdicts (
	asset TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	newest_at BIGINT, 
	is_stopped INTEGER NOT NULL, 
	PRIMARY KEY (asset)
);
INSERT INTO "verdicts" VALUES('a','OK','',1772361000000000000,NULL,0);
CREATE INDEX results_known ON results (line, result, result_at);
CREATE INDEX scores_asset ON scores (asset, at);
CREATE INDEX alerts_id ON alerts (id);
CREATE INDEX alerts_state ON alerts (state);
CREATE INDEX outbox_open ON outbox (sent_at, due_at);
COMMIT;
