-- SPDX-License-Identifier: MIT
-- The log again, in the order in which it comes: rows go to the end of one b-tree, and an index of integers finds them
-- by chat and seq. In the order of the chats each transaction split a page, and moved what its neighbours held, for
-- every chat that somebody wrote into; that was half of the bytes that a message brought to the disk.
--
-- id is what it was, chat * 2^32 + seq, and needs no column for the chat beside it. That the chat is there is known to
-- whoever numbers an entry (chat_writer.c), and it goes after its entries (chat_purge.c): a reference to it without an
-- index made the end of a chat a walk through the whole log.
CREATE TABLE chat_log_kept (
    id            INTEGER NOT NULL PRIMARY KEY,
    kind          INTEGER NOT NULL,
    epoch         INTEGER NOT NULL,
    device        INTEGER NOT NULL,
    ts_ms         INTEGER NOT NULL,
    client_msg_id INTEGER NOT NULL,
    message       BLOB NOT NULL
);
INSERT INTO chat_log_kept (id, kind, epoch, device, ts_ms, client_msg_id, message)
    SELECT id, kind, epoch, device, ts_ms, client_msg_id, message FROM chat_log;
DROP TABLE chat_log;
CREATE TABLE chat_log (
    num           INTEGER NOT NULL PRIMARY KEY,
    id            INTEGER NOT NULL UNIQUE,
    kind          INTEGER NOT NULL CHECK (kind >= 1),
    epoch         INTEGER NOT NULL,
    device        INTEGER NOT NULL REFERENCES chat_devices (num),
    ts_ms         INTEGER NOT NULL,
    client_msg_id INTEGER NOT NULL,
    message       BLOB NOT NULL
);
INSERT INTO chat_log (id, kind, epoch, device, ts_ms, client_msg_id, message)
    SELECT id, kind, epoch, device, ts_ms, client_msg_id, message FROM chat_log_kept ORDER BY id;
DROP TABLE chat_log_kept;
