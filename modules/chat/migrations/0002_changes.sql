-- SPDX-License-Identifier: MIT
-- Groups that change: entries of further kinds, proposals that wait for a commit, roles in invitations.

-- The log again, without a bound on kinds that a later kind of entry would have to lift once more.
CREATE TABLE chat_log_kept (
    id            INTEGER NOT NULL PRIMARY KEY,
    chat          INTEGER NOT NULL,
    kind          INTEGER NOT NULL,
    epoch         INTEGER NOT NULL,
    device        INTEGER NOT NULL,
    ts_ms         INTEGER NOT NULL,
    client_msg_id INTEGER NOT NULL,
    message       BLOB NOT NULL
);
INSERT INTO chat_log_kept (id, chat, kind, epoch, device, ts_ms, client_msg_id, message)
    SELECT id, chat, kind, epoch, device, ts_ms, client_msg_id, message FROM chat_log;
DROP TABLE chat_log;
CREATE TABLE chat_log (
    id            INTEGER NOT NULL PRIMARY KEY,
    chat          INTEGER NOT NULL REFERENCES chat_chats (num),
    kind          INTEGER NOT NULL CHECK (kind >= 1),
    epoch         INTEGER NOT NULL,
    device        INTEGER NOT NULL REFERENCES chat_devices (num),
    ts_ms         INTEGER NOT NULL,
    client_msg_id INTEGER NOT NULL,
    message       BLOB NOT NULL,
    CHECK (id / 4294967296 = chat)
);
INSERT INTO chat_log (id, chat, kind, epoch, device, ts_ms, client_msg_id, message)
    SELECT id, chat, kind, epoch, device, ts_ms, client_msg_id, message FROM chat_log_kept;
DROP TABLE chat_log_kept;

-- Remove proposals of the chat's epoch. The leaf stays taken until the commit; its seat is left already.
CREATE TABLE chat_proposals (
    chat INTEGER NOT NULL REFERENCES chat_chats (num),
    leaf INTEGER NOT NULL,
    ref  BLOB NOT NULL CHECK (length(ref) = 32),
    PRIMARY KEY (chat, leaf)
);

-- Who is more than a member after the Welcome's commit: an encoded RoleList.
ALTER TABLE chat_welcomes ADD COLUMN roles BLOB;
