-- SPDX-License-Identifier: MIT
-- Commits that members refuse: who made which, and for each the users who say so. They outlive the entries of the log.
CREATE TABLE chat_reports (
    chat      INTEGER NOT NULL REFERENCES chat_chats (num),
    seq       INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    device    INTEGER NOT NULL REFERENCES chat_devices (num),
    reason    INTEGER NOT NULL,
    reporter  BLOB NOT NULL CHECK (length(reporter) = 16),
    entry_seq INTEGER NOT NULL,
    ts_ms     INTEGER NOT NULL,
    PRIMARY KEY (chat, seq)
);
CREATE TABLE chat_refusals (
    chat    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    PRIMARY KEY (chat, seq, user_id),
    FOREIGN KEY (chat, seq) REFERENCES chat_reports (chat, seq)
);
