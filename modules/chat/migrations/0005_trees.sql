-- SPDX-License-Identifier: MIT
-- The public half of each group, as the server follows it. A chat from before has no row until a member shows its tree.
CREATE TABLE chat_trees (
    chat      INTEGER NOT NULL PRIMARY KEY REFERENCES chat_chats (num),
    epoch     INTEGER NOT NULL,
    tree_hash BLOB NOT NULL CHECK (length(tree_hash) = 32),
    state     BLOB NOT NULL
);

-- The tree that a Welcome leads to, for those who are invited. NULL: the Welcome has it inside.
ALTER TABLE chat_welcomes ADD COLUMN tree BLOB;

-- The proposal itself, which a commit may name: the log of a relay chat may have lost it. NULL: it was never verified.
ALTER TABLE chat_proposals ADD COLUMN message BLOB;
