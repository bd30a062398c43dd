-- SPDX-License-Identifier: MIT
-- Chats, who sits in them, and one log a chat. Users, devices and chats have numbers here: a row of the log carries
-- eight bytes where it would carry forty-eight.

CREATE TABLE chat_devices (
    num       INTEGER NOT NULL PRIMARY KEY,
    user_id   BLOB NOT NULL CHECK (length(user_id) = 16),
    device_id BLOB NOT NULL CHECK (length(device_id) = 16),
    UNIQUE (user_id, device_id)
);

CREATE TABLE chat_chats (
    num        INTEGER NOT NULL PRIMARY KEY,
    chat_id    BLOB NOT NULL UNIQUE CHECK (length(chat_id) = 16),
    type       INTEGER NOT NULL CHECK (type IN (1, 2)),
    mode       INTEGER NOT NULL CHECK (mode BETWEEN 1 AND 4),
    suite      INTEGER NOT NULL,
    epoch      INTEGER NOT NULL CHECK (epoch >= 1),
    creator    INTEGER NOT NULL REFERENCES chat_devices (num),
    created_ms INTEGER NOT NULL
);

-- A direct chat is unique for its two users.
CREATE TABLE chat_pairs (
    first_user  BLOB NOT NULL,
    second_user BLOB NOT NULL,
    chat        INTEGER NOT NULL UNIQUE REFERENCES chat_chats (num),
    PRIMARY KEY (first_user, second_user),
    CHECK (first_user < second_user)
);

CREATE TABLE chat_members (
    chat    INTEGER NOT NULL REFERENCES chat_chats (num),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    role    INTEGER NOT NULL CHECK (role BETWEEN 1 AND 3),
    PRIMARY KEY (chat, user_id)
);

-- A device's place in a chat: its leaf of the tree, the part of the log it may read (after since_seq, up to
-- until_seq once it is removed and has no leaf) and how far it has read.
CREATE TABLE chat_seats (
    device    INTEGER NOT NULL REFERENCES chat_devices (num),
    chat      INTEGER NOT NULL REFERENCES chat_chats (num),
    leaf      INTEGER,
    since_seq INTEGER NOT NULL,
    until_seq INTEGER,
    read_seq  INTEGER NOT NULL,
    PRIMARY KEY (device, chat),
    UNIQUE (chat, leaf),
    CHECK ((leaf IS NULL) = (until_seq IS NOT NULL))
);

-- The log. id = chat * 2^32 + seq: one b-tree in the order in which it is read, and no second index to write.
CREATE TABLE chat_log (
    id            INTEGER NOT NULL PRIMARY KEY,
    chat          INTEGER NOT NULL REFERENCES chat_chats (num),
    kind          INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
    epoch         INTEGER NOT NULL,
    device        INTEGER NOT NULL REFERENCES chat_devices (num),
    ts_ms         INTEGER NOT NULL,
    client_msg_id INTEGER NOT NULL,
    message       BLOB NOT NULL,
    CHECK (id / 4294967296 = chat)
);

-- The last 128 message counters of a device and where their messages went (chat_writer.c).
CREATE TABLE chat_windows (
    device  INTEGER NOT NULL PRIMARY KEY REFERENCES chat_devices (num),
    top     INTEGER NOT NULL,
    answers BLOB NOT NULL
);

CREATE TABLE chat_group_infos (
    chat       INTEGER NOT NULL PRIMARY KEY REFERENCES chat_chats (num),
    epoch      INTEGER NOT NULL,
    group_info BLOB NOT NULL
);

-- One Welcome for all whom a commit added, and who has yet to read it.
CREATE TABLE chat_welcomes (
    chat    INTEGER NOT NULL REFERENCES chat_chats (num),
    seq     INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    inviter INTEGER NOT NULL REFERENCES chat_devices (num),
    welcome BLOB NOT NULL,
    PRIMARY KEY (chat, seq)
);
CREATE TABLE chat_invitations (
    device INTEGER NOT NULL REFERENCES chat_devices (num),
    chat   INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (device, chat),
    FOREIGN KEY (chat, seq) REFERENCES chat_welcomes (chat, seq)
);
CREATE INDEX chat_invitations_open ON chat_invitations (chat, seq);
