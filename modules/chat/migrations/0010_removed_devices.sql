-- SPDX-License-Identifier: MIT
-- 1: its user removed the device from the account. keyx says so twice; a server that stops more often before the leaf
-- is out has it here.
ALTER TABLE chat_devices ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
