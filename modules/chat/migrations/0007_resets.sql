-- SPDX-License-Identifier: MIT
-- Chats that take the place of others, by their ids: either of the two may be deleted and its number gone.
ALTER TABLE chat_chats ADD COLUMN resets BLOB;
ALTER TABLE chat_chats ADD COLUMN replaced_by BLOB;
