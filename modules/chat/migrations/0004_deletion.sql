-- SPDX-License-Identifier: MIT
-- Deleting a chat. Its row stays, with the time, while its log is taken away piece by piece; 0: it is not deleted.
ALTER TABLE chat_chats ADD COLUMN deleted_ms INTEGER NOT NULL DEFAULT 0;

-- The highest number of a chat that is gone: numbers are not used twice, windows and cursors on their way name them.
CREATE TABLE chat_tops (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    chat INTEGER NOT NULL
);
INSERT INTO chat_tops (id, chat) VALUES (1, 0);

-- Who deleted the chat, for each device that was in it and has not been told yet.
CREATE TABLE chat_notices (
    device  INTEGER NOT NULL REFERENCES chat_devices (num),
    chat_id BLOB NOT NULL CHECK (length(chat_id) = 16),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    ts_ms   INTEGER NOT NULL,
    PRIMARY KEY (device, chat_id)
);
CREATE INDEX chat_notices_old ON chat_notices (ts_ms);
