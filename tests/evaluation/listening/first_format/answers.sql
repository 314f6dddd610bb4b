BEGIN TRANSACTION;
CREATE TABLE answer (
	trial_id VARCHAR(32) NOT NULL, 
	rater_id VARCHAR(32) NOT NULL, 
	scores TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	listening TEXT NOT NULL, 
	answered_at DOUBLE NOT NULL, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trial (id), 
	FOREIGN KEY(rater_id) REFERENCES rater (id)
);
INSERT INTO "answer" VALUES('deec35c6782440cd','08a7e70b0a23a392','{"quality": 0, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244030657839768e+09);
INSERT INTO "answer" VALUES('658282057053825b','08a7e70b0a23a392','{"quality": 1, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244031823229788e+09);
INSERT INTO "answer" VALUES('4bd3e0c17717c1ac','08a7e70b0a23a392','{"quality": -1, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244032612204555e+09);
INSERT INTO "answer" VALUES('58c8bb2fbd59f8c2','08a7e70b0a23a392','{"quality": 0, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.7958524403340582848e+09);
INSERT INTO "answer" VALUES('b14fe4eab4139dac','08a7e70b0a23a392','{"quality": 1, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244034205818173e+09);
INSERT INTO "answer" VALUES('2c782e56931b7a3e','08a7e70b0a23a392','{"quality": -1, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244034999299048e+09);
INSERT INTO "answer" VALUES('bfe25eadf3c129df','0605b16dc4cc066a','{"quality": 1, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244036574602131e+09);
INSERT INTO "answer" VALUES('54963160cad42683','0605b16dc4cc066a','{"quality": -1, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244036999893183e+09);
INSERT INTO "answer" VALUES('f923cd1f36a38f63','0605b16dc4cc066a','{"quality": 0, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244037794327731e+09);
INSERT INTO "answer" VALUES('49cd3b33f76f186f','0605b16dc4cc066a','{"quality": 1, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244038190317158e+09);
INSERT INTO "answer" VALUES('37c3b12338ed029f','0605b16dc4cc066a','{"quality": -1, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.7958524403858094216e+09);
INSERT INTO "answer" VALUES('8fa2f4b371479942','0605b16dc4cc066a','{"quality": 0, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244038985013962e+09);
INSERT INTO "answer" VALUES('3ad0293a7fcf503c','be64b7dcea1e0ca3','{"quality": -1, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.79585244040565347668e+09);
INSERT INTO "answer" VALUES('4fa25be47f4fceac','be64b7dcea1e0ca3','{"quality": 0, "overall": 1}','a comment','{"heard": [1.0, 1.0]}',1.7958524404098961353e+09);
CREATE TABLE event (
	rater_id VARCHAR(32) NOT NULL, 
	"key" VARCHAR(64) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	detail TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	PRIMARY KEY (rater_id, "key"), 
	FOREIGN KEY(rater_id) REFERENCES rater (id)
);
CREATE TABLE rater (
	id VARCHAR(32) NOT NULL, 
	study VARCHAR(80) NOT NULL, 
	number INTEGER NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	consent_hash VARCHAR(64) NOT NULL, 
	completion_code VARCHAR(16) NOT NULL, 
	joined_at DOUBLE NOT NULL, 
	seen_at DOUBLE NOT NULL, 
	finished_at DOUBLE, 
	withdrawn_at DOUBLE, 
	PRIMARY KEY (id), 
	UNIQUE (study, token_hash), 
	UNIQUE (study, number), 
	FOREIGN KEY(study) REFERENCES study (name)
);
INSERT INTO "rater" VALUES('08a7e70b0a23a392','sample',1,'2b26acbdfdb5684a66a521c9e8f24d39287116e3d7151251a03c06ddf82ac15e','f127b791f5f0a82857f71990fb83899a4c67d4b6bdee29447fbeff88a1c232ef','1690011C',1.79585244029711174965e+09,1.79585244034999299048e+09,1.79585244034999299048e+09,NULL);
INSERT INTO "rater" VALUES('0605b16dc4cc066a','sample',2,'6e4a869054d17e13393e6339941b65c6be0d7f39d9bb7152ebebe64739fb60c6','f127b791f5f0a82857f71990fb83899a4c67d4b6bdee29447fbeff88a1c232ef','EA50FDCA',1.79585244035766601559e+09,1.79585244038985013962e+09,1.79585244038985013962e+09,NULL);
INSERT INTO "rater" VALUES('be64b7dcea1e0ca3','sample',3,'c63108a52931f480bfcb4a0576f57208dd720e0069b0f43168325ab85733095c','f127b791f5f0a82857f71990fb83899a4c67d4b6bdee29447fbeff88a1c232ef','0FE9F57B',1.79585244039761090283e+09,1.7958524404098961353e+09,NULL,NULL);
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE study (
	name VARCHAR(80) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	content TEXT NOT NULL, 
	opened_at DOUBLE NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "study" VALUES('sample','1e79d40d5e809a4cea90c5c4137ce62f5f460a1329f6685ef18729fb67bd123e','{"name": "sample", "title": "A study of the first format", "task": "text-to-music", "method": "CCR", "seed": 11, "systems": [{"name": "system-a", "label": "system-a", "source": "system-a", "is_run": false}, {"name": "system-b", "label": "system-b", "source": "system-b", "is_run": false}, {"name": "system-c", "label": "system-c", "source": "system-c", "is_run": false}], "items": [{"id": "item-00", "caption": "piece number item-00"}, {"id": "item-01", "caption": "piece number item-01"}, {"id": "item-02", "caption": "piece number item-02"}], "training_items": [], "axes": [{"name": "quality", "label": "Audio quality", "question": "How good is the sound of B, compared with A?", "points": ["Much worse", "Worse", "Slightly worse", "About the same", "Slightly better", "Better", "Much better"]}, {"name": "overall", "label": "Overall", "question": "How good is B overall, compared with A?", "points": ["Much worse", "Worse", "Slightly worse", "About the same", "Slightly better", "Better", "Much better"]}], "baseline": "system-a", "trials_per_rater": 4, "clip": {"seconds": 1.0, "start": 0.0, "fade": 0.01, "loudness": -23.0, "sample_rate": 16000, "channels": 1}, "continuation": null, "controls": {"identical_pairs": 1, "anchors": 0, "anchor_cutoff": 3500.0, "references": 0, "reference": null, "attention": 1}, "screening": {"min_answered": 0.5, "min_attention": 1.0, "min_identical": 0.5, "min_heard": 0.5, "anchor_below": true, "min_correlation": null}, "min_heard": 0.8, "seat_minutes": 120.0, "ablation": [], "consent": "You will hear short pieces of music and score them. Taking part is voluntary; you may stop or withdraw at any time, and withdrawing deletes your answers. We store your scores, your comments, when you gave them and how long you listened, under a random number; no name, address or browser data.", "language": [["welcome", "Listening test"], ["consent_button", "I have read this and take part"], ["keep_link", "Keep this link: it brings you back to where you stopped."], ["headphones", "Please use headphones in a quiet place."], ["level_check", "Play the sound and set a comfortable level. Do not change it later."], ["level_done", "The level is fine"], ["training", "Training: these answers do not count."], ["main", "The test begins now."], ["progress", "{position} of {total}"], ["description", "Description"], ["prompt", "Prompt"], ["continuation", "Continuation"], ["first", "A"], ["second", "B"], ["play", "Play"], ["pause", "Pause"], ["listen_more", "Listen a little longer to answer."], ["attention", "Count the beeps and give that number on every scale."], ["attention_pair", "Count the beeps and give that number, from +1 to +3, on every scale."], ["comment", "Comment (optional)"], ["next", "Next"], ["saved", "Saved"], ["offline", "No connection: your answer is kept here and sent again."], ["break", "Take a break"], ["resume", "Go on"], ["finished", "Thank you. This is your completion code:"], ["withdraw", "Withdraw"], ["withdraw_sure", "Withdraw and delete all my answers?"], ["withdrawn", "Your answers have been deleted."], ["closed", "This study is not open."]]}',1.7958524402895214558e+09);
CREATE TABLE trial (
	id VARCHAR(32) NOT NULL, 
	rater_id VARCHAR(32) NOT NULL, 
	position INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	system VARCHAR(80) NOT NULL, 
	item VARCHAR(80) NOT NULL, 
	first VARCHAR(255) NOT NULL, 
	second VARCHAR(255) NOT NULL, 
	system_second BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (rater_id, position), 
	FOREIGN KEY(rater_id) REFERENCES rater (id)
);
INSERT INTO "trial" VALUES('deec35c6782440cd','08a7e70b0a23a392',1,'main','system-b','item-00','be01d958404de5e6efd48032.wav','75ffcc2652c8bda57a3525dd.wav',0);
INSERT INTO "trial" VALUES('658282057053825b','08a7e70b0a23a392',2,'main','system-b','item-01','9d3af1eb1b46c61476678ef7.wav','429440ec787e321b939bb432.wav',1);
INSERT INTO "trial" VALUES('4bd3e0c17717c1ac','08a7e70b0a23a392',3,'identical','system-c','item-02','f8dc3e1797fc510b762c45c9.wav','3d0974a6f5ed8bdecc57d345.wav',0);
INSERT INTO "trial" VALUES('58c8bb2fbd59f8c2','08a7e70b0a23a392',4,'main','system-c','item-00','75ffcc2652c8bda57a3525dd.wav','341d7576779855744efa68e5.wav',1);
INSERT INTO "trial" VALUES('b14fe4eab4139dac','08a7e70b0a23a392',5,'main','system-c','item-01','bec5e8fc45aeb7f07a73f0a2.wav','9d3af1eb1b46c61476678ef7.wav',0);
INSERT INTO "trial" VALUES('2c782e56931b7a3e','08a7e70b0a23a392',6,'attention','','2','069e19c13590b6cf1eecde5c.wav','069e19c13590b6cf1eecde5c.wav',0);
INSERT INTO "trial" VALUES('bfe25eadf3c129df','0605b16dc4cc066a',1,'main','system-b','item-02','d284d3f182f45ed93ab32c54.wav','a6b8afe27197bcbc1fddd0ec.wav',1);
INSERT INTO "trial" VALUES('54963160cad42683','0605b16dc4cc066a',2,'attention','','3','a5c240e26c525f0275947dfa.wav','a5c240e26c525f0275947dfa.wav',0);
INSERT INTO "trial" VALUES('f923cd1f36a38f63','0605b16dc4cc066a',3,'main','system-b','item-00','be01d958404de5e6efd48032.wav','75ffcc2652c8bda57a3525dd.wav',0);
INSERT INTO "trial" VALUES('49cd3b33f76f186f','0605b16dc4cc066a',4,'main','system-c','item-02','d284d3f182f45ed93ab32c54.wav','3d0974a6f5ed8bdecc57d345.wav',1);
INSERT INTO "trial" VALUES('37c3b12338ed029f','0605b16dc4cc066a',5,'main','system-c','item-00','341d7576779855744efa68e5.wav','75ffcc2652c8bda57a3525dd.wav',0);
INSERT INTO "trial" VALUES('8fa2f4b371479942','0605b16dc4cc066a',6,'identical','system-c','item-01','bec5e8fc45aeb7f07a73f0a2.wav','49e0775afb2fe7fe4f4f80f9.wav',0);
INSERT INTO "trial" VALUES('3ad0293a7fcf503c','be64b7dcea1e0ca3',1,'main','system-b','item-02','a6b8afe27197bcbc1fddd0ec.wav','d284d3f182f45ed93ab32c54.wav',0);
INSERT INTO "trial" VALUES('4fa25be47f4fceac','be64b7dcea1e0ca3',2,'attention','','1','32a878031d138c209349dfc2.wav','32a878031d138c209349dfc2.wav',0);
INSERT INTO "trial" VALUES('488bb8f4b7d335bb','be64b7dcea1e0ca3',3,'main','system-b','item-01','429440ec787e321b939bb432.wav','9d3af1eb1b46c61476678ef7.wav',0);
INSERT INTO "trial" VALUES('cfc458c558575e80','be64b7dcea1e0ca3',4,'main','system-c','item-02','d284d3f182f45ed93ab32c54.wav','3d0974a6f5ed8bdecc57d345.wav',1);
INSERT INTO "trial" VALUES('b36104f98a08baaf','be64b7dcea1e0ca3',5,'main','system-c','item-01','9d3af1eb1b46c61476678ef7.wav','bec5e8fc45aeb7f07a73f0a2.wav',1);
INSERT INTO "trial" VALUES('799f3bc17769c60d','be64b7dcea1e0ca3',6,'identical','system-c','item-01','bec5e8fc45aeb7f07a73f0a2.wav','49e0775afb2fe7fe4f4f80f9.wav',0);
CREATE INDEX ix_answer_rater_id ON answer (rater_id);
CREATE TRIGGER answer_is_final BEFORE UPDATE ON answer
BEGIN SELECT RAISE(ABORT, 'answers are append-only'); END;
COMMIT;
