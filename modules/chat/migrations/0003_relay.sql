-- SPDX-License-Identifier: MIT
-- Relay chats: how far the log was purged. The chat's head when no row is left, and what a reader who comes too late
-- is told: seq is the last entry that is gone, epoch the chat's after it, ts_ms its time.
CREATE TABLE chat_purges (
    chat  INTEGER NOT NULL PRIMARY KEY REFERENCES chat_chats (num),
    seq   INTEGER NOT NULL CHECK (seq >= 1),
    epoch INTEGER NOT NULL,
    ts_ms INTEGER NOT NULL
);

-- A Welcome outlives the entry of its commit. 0: it was made before, and the entry has the time.
ALTER TABLE chat_welcomes ADD COLUMN ts_ms INTEGER NOT NULL DEFAULT 0;
