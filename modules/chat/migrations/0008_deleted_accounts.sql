-- SPDX-License-Identifier: MIT
-- Users who deleted their accounts, with what proves it. Nothing of theirs is taken any more.
CREATE TABLE chat_deleted (
    user_id    BLOB NOT NULL PRIMARY KEY CHECK (length(user_id) = 16),
    by_device  BLOB NOT NULL CHECK (length(by_device) = 16),
    deleted_ms INTEGER NOT NULL,
    signature  BLOB NOT NULL
);

-- Chats that have yet to be told, and to lose the user's leaves.
CREATE TABLE chat_departures (
    chat    INTEGER NOT NULL REFERENCES chat_chats (num),
    user_id BLOB NOT NULL REFERENCES chat_deleted (user_id),
    PRIMARY KEY (chat, user_id)
);
